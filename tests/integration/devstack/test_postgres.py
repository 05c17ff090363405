"""A PostgreSQL of our own: it starts, asks for its password, keeps its data, and ends with its parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from app.devstack import server as server_module
from app.devstack.ports import is_free
from app.devstack.postgres import Postgres
from app.errors import ConfigurationError
from tests.running.endings import all_end, command_line, family

pytestmark = pytest.mark.integration

FAST = {"fsync": "off"}

STARTS_ONE = """
import sys
from pathlib import Path
from app.devstack.postgres import Postgres
server = Postgres(Path(sys.argv[1]), parameters={"fsync": "off"})
server.start()
print(server.process.pid, flush=True)
"""


def count_notes(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM note").fetchone()
    assert row
    return int(row[0])


def make_note(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES ('kept')")


def test_it_serves_our_database_to_whoever_knows_the_password(tmp_path: Path) -> None:
    with Postgres(tmp_path / "pg", parameters=FAST) as server:
        with psycopg.connect(server.url) as connection:
            row = connection.execute("SELECT current_user, current_database(), current_setting('fsync')").fetchone()
        assert row == ("vrelocate", "vrelocate", "off")
        wrong = server.url.replace(server.password, "guessed")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)


def test_it_listens_on_loopback_only_and_on_no_unix_socket(tmp_path: Path) -> None:
    with Postgres(tmp_path / "pg", parameters=FAST) as server, psycopg.connect(server.url) as connection:
        settings: dict[str, str] = dict(
            connection.execute(
                "SELECT name, setting FROM pg_settings WHERE name IN "
                "('listen_addresses', 'unix_socket_directories', 'password_encryption')"
            ).fetchall()
        )
        rules = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    assert settings == {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
    }
    assert rules == [("scram-sha-256",)]


def test_a_restart_keeps_the_data_the_port_and_the_password(tmp_path: Path) -> None:
    with Postgres(tmp_path / "pg", parameters=FAST) as server:
        make_note(server.url)
        url = server.url
    with Postgres(tmp_path / "pg", parameters=FAST) as server:
        assert server.url == url
        assert count_notes(url) == 1


def test_a_given_password_is_kept_nowhere(tmp_path: Path) -> None:
    password = "with /odd:@ signs%41"
    with Postgres(tmp_path / "pg", password=password, parameters=FAST) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("SELECT 1")
        assert password not in command_line(server.process.pid)
        environment = Path(f"/proc/{server.process.pid}/environ").read_text(encoding="utf-8")
        assert password not in environment
        assert password not in server.log.read_text(encoding="utf-8")
        assert not (server.folder / "password").exists()


def test_its_own_password_is_the_owners_alone(tmp_path: Path) -> None:
    with Postgres(tmp_path / "pg", parameters=FAST) as server:
        assert (server.folder / "password").stat().st_mode & 0o777 == 0o600
        assert server.folder.stat().st_mode & 0o777 == 0o700


def test_a_second_one_in_the_same_folder_is_refused_and_the_first_lives_on(tmp_path: Path) -> None:
    with Postgres(tmp_path / "pg", parameters=FAST) as first:
        second = Postgres(tmp_path / "pg", parameters=FAST)
        with pytest.raises(ConfigurationError, match=f"in use by pid {first.process.pid}"):
            second.start(lock_timeout_seconds=0)
        make_note(first.url)


def test_sigkill_of_the_parent_leaves_nothing_and_the_data_are_there(
    tmp_path: Path,
    parent: Callable[..., subprocess.Popen[str]],
) -> None:
    folder = tmp_path / "pg"
    starter = parent(STARTS_ONE, folder)
    assert starter.stdout
    pids = family(int(starter.stdout.readline()))
    assert len(pids) > 3  # the postmaster and its children

    starter.kill()
    all_end(pids, 10)
    with Postgres(folder, parameters=FAST) as server:
        assert is_free(server.port) is False
        make_note(server.url)


def test_it_waits_for_the_server_of_a_parent_that_has_just_been_killed(
    tmp_path: Path, parent: Callable[..., subprocess.Popen[str]]
) -> None:
    starter = parent(STARTS_ONE, tmp_path / "pg")
    assert starter.stdout
    starter.stdout.readline()
    starter.kill()
    with Postgres(tmp_path / "pg", parameters=FAST) as server:
        make_note(server.url)


def test_a_killed_server_is_launched_again_on_its_port_and_recovers(tmp_path: Path) -> None:
    with Postgres(tmp_path / "pg") as server:
        make_note(server.url)
        url, pids = server.url, family(server.process.pid)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(10)
        all_end(pids, 10)
        # Whoever has the crashed server's number now: PostgreSQL would take us for another postmaster.
        stale = server.data / "postmaster.pid"
        stale.write_text(stale.read_text(encoding="utf-8").replace(str(pids[0]), str(os.getpid())), encoding="utf-8")

        process = server.launch()
        process.wait_until(server.answers, timeout_seconds=60)
        assert server.url == url
        assert count_notes(url) == 1


def test_a_port_that_somebody_took_meanwhile_is_given_up(tmp_path: Path) -> None:
    with Postgres(tmp_path / "pg", parameters=FAST) as server:
        port = server.port
    with socket.create_server(("127.0.0.1", port)), Postgres(tmp_path / "pg", parameters=FAST) as server:
        assert server.port != port
        make_note(server.url)


def test_a_port_that_is_taken_between_our_look_and_the_servers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(server_module, "kept_port", lambda _file: port)
        with Postgres(tmp_path / "pg", parameters=FAST) as server:
            assert server.port != port
            make_note(server.url)


def test_a_server_that_dies_on_start_shows_its_last_words(tmp_path: Path) -> None:
    with Postgres(tmp_path / "pg", parameters=FAST):
        pass
    (tmp_path / "pg" / "data" / "PG_VERSION").write_text("7.4\n", encoding="ascii")
    with pytest.raises(ConfigurationError) as refusal:
        Postgres(tmp_path / "pg", parameters=FAST).start()
    text = str(refusal.value)
    assert "postgres exited with status 1 while starting" in text
    assert "database files are incompatible with server" in text
    assert str(tmp_path / "pg" / "postgres.log") in text


def test_an_initdb_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(_seconds: float) -> None:
        raise Interrupted

    server = Postgres(tmp_path / "pg", parameters=FAST)
    with pytest.raises(Interrupted):
        server.start(pause=interrupt)
    (tmp_path / "pg" / "data.new" / "half").mkdir()
    with Postgres(tmp_path / "pg", parameters=FAST) as server:
        make_note(server.url)
    assert not (tmp_path / "pg" / "data.new").exists()


def test_it_is_not_started_from_a_thread_that_may_end(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def start() -> None:
        try:
            Postgres(tmp_path / "pg", parameters=FAST).start()
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert [str(error) for error in errors] == ["start initdb from the main thread"]
