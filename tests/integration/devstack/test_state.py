"""The state folder: whose it is, what it keeps, and what it says when it cannot be had."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.devstack.private_files import write_private
from app.devstack.state import StateFolder, environment_of
from app.errors import ConfigurationError

pytestmark = pytest.mark.integration


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    folder = StateFolder(tmp_path / "state")
    yield folder
    folder.close()


def test_everything_secret_is_the_owners_alone_and_made_once(state: StateFolder) -> None:
    password = state.password("database-password")
    key = state.master_key_file().read_text(encoding="ascii")
    assert state.password("database-password") == password
    assert state.master_key_file().read_text(encoding="ascii") == key
    assert len(base64.urlsafe_b64decode(key)) == 32
    modes = {path.name: path.stat().st_mode & 0o777 for path in [state.path, *(state.path / "secrets").iterdir()]}
    assert modes == {"state": 0o700, "database-password": 0o600, "master-key": 0o600}
    assert (state.path / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_second_one_is_refused_naming_the_first_until_the_first_has_gone(state: StateFolder) -> None:
    with pytest.raises(ConfigurationError, match=f"is in use by pid {os.getpid()}: stop that one first"):
        StateFolder(state.path)
    state.close()
    StateFolder(state.path).close()


def test_the_log_of_the_last_run_is_kept(state: StateFolder) -> None:
    state.fresh_log("api").write_text("first", encoding="ascii")
    state.fresh_log("api").write_text("second", encoding="ascii")
    state.fresh_log("api")
    assert {it.name: it.read_text(encoding="ascii") for it in (state.path / "logs").iterdir()} == {
        "api.log.1": "second"
    }


def test_a_missing_parent_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{tmp_path}/missing does not exist: make that folder first"):
        StateFolder(tmp_path / "missing" / "state")


def test_a_file_in_the_way_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("", encoding="ascii")
    with pytest.raises(ConfigurationError, match="a file is in the way"):
        StateFolder(tmp_path / "state")
    with pytest.raises(ConfigurationError, match="a file is in the way"):
        StateFolder(tmp_path / "state" / "below")


def test_a_place_that_nobody_may_write_says_so() -> None:
    with pytest.raises(ConfigurationError, match=r"/proc/state cannot be made|/proc does not exist"):
        StateFolder(Path("/proc/state"))


def test_others_take_their_settings_from_the_ready_file(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VRELOCATE_MASTER_KEY", "VRELOCATE_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    write_private(state.ready_file, json.dumps({"database_url": "postgresql://d", "redis_url": "redis://r"}))
    assert environment_of(state.path) == {
        "VRELOCATE_DATABASE_URL": "postgresql://d",
        "VRELOCATE_REDIS_URL": "redis://r",
        "VRELOCATE_MASTER_KEY_FILE": str(state.path / "secrets" / "master-key"),
    }


def test_without_an_up_there_are_no_settings_to_take(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does a `vrelocate up --state-dir"):
        environment_of(tmp_path)


def test_a_private_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    write_private(file, "old")
    write_private(file, "new")
    assert (file.read_text(encoding="ascii"), file.stat().st_mode & 0o777) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [file]
