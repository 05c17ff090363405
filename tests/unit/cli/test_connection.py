from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli.connection import Connection, find_connection
from app.errors import ConfigurationError

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_URL", "API_KEY", "SECRET_KEY", "SECRET_KEY_FILE", "READY_FILE", "STATE_DIR"):
        monkeypatch.delenv(f"VRELOCATE_{name}", raising=False)


def _ready(file: Path, url: str) -> Path:
    file.write_text(json.dumps({"api_url": url, "api_key": "k", "secret_key": "s"}))
    return file


def test_options_come_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VRELOCATE_API_URL", "http://elsewhere")
    file = _ready(tmp_path / "r.json", "http://named")
    assert find_connection(ready_file=file, state_dir=None) == Connection("http://named", "k", "s")


def test_a_state_folder_holds_a_ready_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _ready(tmp_path / "ready.json", "http://folder")
    assert find_connection(ready_file=None, state_dir=tmp_path).url == "http://folder"
    monkeypatch.setenv("VRELOCATE_STATE_DIR", str(tmp_path))
    assert find_connection(ready_file=None, state_dir=None).url == "http://folder"


def test_the_environment_names_url_and_key_before_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VRELOCATE_READY_FILE", str(_ready(tmp_path / "r.json", "http://file")))
    assert find_connection(ready_file=None, state_dir=None).url == "http://file"
    monkeypatch.setenv("VRELOCATE_API_URL", "http://variable")
    monkeypatch.setenv("VRELOCATE_API_KEY", "key")
    monkeypatch.setenv("VRELOCATE_SECRET_KEY", "secret")
    assert find_connection(ready_file=None, state_dir=None) == Connection("http://variable", "key", "secret")


def test_the_secret_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("VRELOCATE_API_URL", "http://variable")
    monkeypatch.setenv("VRELOCATE_API_KEY", "key")
    monkeypatch.setenv("VRELOCATE_SECRET_KEY_FILE", str(tmp_path / "secret"))
    assert find_connection(ready_file=None, state_dir=None).secret_key == "from a file"


def test_every_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VRELOCATE_API_URL", "http://variable")
    with pytest.raises(ConfigurationError, match="VRELOCATE_API_KEY and VRELOCATE_SECRET_KEY"):
        find_connection(ready_file=None, state_dir=None)


def test_nothing_at_all_says_every_way() -> None:
    with pytest.raises(ConfigurationError, match=r"--state-dir DIR or --ready-file FILE.*VRELOCATE_API_URL"):
        find_connection(ready_file=None, state_dir=None)


def test_a_missing_ready_file_asks_whether_up_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"ready\.json does not exist.*is it running"):
        find_connection(ready_file=None, state_dir=tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"api_url": "x", "api_key": "k"}'])
def test_another_file_is_no_ready_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ConfigurationError, match="is no ready file"):
        find_connection(ready_file=tmp_path / "r.json", state_dir=None)
