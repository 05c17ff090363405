"""PostgreSQL refuses root: it runs as somebody else, and no folder is opened up for that."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.devstack import binaries_copy
from app.devstack.accounts import database_account
from app.devstack.binaries import POSTGRES_BIN, postgres_folder
from app.devstack.postgres import Postgres
from app.errors import ConfigurationError

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="a plain user runs PostgreSQL as itself"),
]

FAST = {"fsync": "off"}


@pytest.fixture
def open_temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder that every user may enter, as /tmp is; pytest's own is root's alone."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def closed_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PostgreSQL's programs where only root can reach them, as in a virtual environment below /root."""
    installation = postgres_folder().resolve().parent
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    wheel = home / installation.parent.name  # the programs look for their libraries under this very name
    shutil.copytree(installation, wheel / installation.name, symlinks=True)
    libraries = installation.parent.with_name(f"{installation.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, home / libraries.name)
    programs = wheel / installation.name / "bin"
    monkeypatch.setenv(POSTGRES_BIN, str(programs))
    return programs


def run_once(folder: Path) -> str:
    """Return the path of the program that ran."""
    with Postgres(folder, parameters=FAST) as server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE note (text text)")
        return str(Path(f"/proc/{server.process.pid}/exe").readlink())


def test_data_in_a_folder_that_is_closed_to_the_server(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    run_once(closed / "pg")

    account = database_account()
    assert account
    assert (closed / "pg" / "data").stat().st_uid == account.uid
    assert [(it.stat().st_uid, it.stat().st_mode & 0o777) for it in (closed, closed / "pg")] == [(0, 0o700)] * 2


def test_programs_in_a_folder_that_is_closed_to_the_server_are_copied_once(
    tmp_path: Path, open_temporary: Path, closed_programs: Path
) -> None:
    program = run_once(tmp_path / "one")
    assert program.startswith(str(open_temporary))
    (copy,) = open_temporary.iterdir()
    made = copy.stat().st_ctime_ns
    assert copy.stat().st_uid == 0
    assert copy.stat().st_mode & 0o022 == 0
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert closed_programs.is_dir()

    assert run_once(tmp_path / "two") == program
    assert [it.stat().st_ctime_ns for it in open_temporary.iterdir()] == [made]


def test_a_copy_that_somebody_tidied_up_is_made_whole(
    tmp_path: Path, open_temporary: Path, closed_programs: Path
) -> None:
    assert closed_programs.is_dir()
    program = run_once(tmp_path / "one")
    (language,) = open_temporary.rglob("plpgsql.so")
    language.unlink()
    assert run_once(tmp_path / "two") == program
    assert language.exists()


def test_two_that_start_at_once_take_nothing_from_each_other(
    tmp_path: Path, open_temporary: Path, closed_programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = database_account()
    assert account
    copy_file = binaries_copy._copy_for_all
    first: list[Path] = []

    def overtaken(source: Path, target: Path) -> None:
        """Before the second one's first file is copied, the first one has all of them, and runs from there."""
        monkeypatch.setattr(binaries_copy, "_copy_for_all", copy_file)
        if not first:
            run_once(tmp_path / "one")
            (copy,) = [folder for folder in open_temporary.iterdir() if "." not in folder.name]
            first.extend(path for path in copy.rglob("*") if path.is_file())
            inodes.update({path: path.stat().st_ino for path in first})
        copy_file(source, target)

    inodes: dict[Path, int] = {}
    monkeypatch.setattr(binaries_copy, "_copy_for_all", overtaken)
    programs = binaries_copy.folder_for(account, closed_programs)
    assert first
    assert {path: path.stat().st_ino for path in first} == inodes, "the very files of the first one are still there"
    assert [programs.parents[2]] == list(open_temporary.iterdir()), "nothing is left of the second one's"


def test_a_copy_that_somebody_else_put_there_is_not_run(
    tmp_path: Path, open_temporary: Path, closed_programs: Path
) -> None:
    assert closed_programs.is_dir()
    run_once(tmp_path / "one")
    (copy,) = open_temporary.iterdir()
    os.chown(copy, 65534, 65534)
    with pytest.raises(ConfigurationError, match="should belong to root alone and does not"):
        run_once(tmp_path / "two")


def test_nowhere_to_copy_to_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_programs: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(closed_programs))
    with pytest.raises(ConfigurationError, match="set TMPDIR to a folder that every user may enter"):
        run_once(tmp_path / "one")
