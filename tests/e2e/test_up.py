"""`vrelocate up` as its users run it: ready when it says so, alive when a part dies, gone without a trace."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from tests.running.endings import all_end, command_line, family
from tests.running.up import START_SECONDS, Up
from tests.running.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def healthy(ready: dict[str, Any]) -> bool:
    connection = http.client.HTTPConnection(urlsplit(ready["api_url"]).netloc, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def broker_answers(ready: dict[str, Any]) -> bool:
    try:
        with redis.Redis.from_url(ready["redis_url"]) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One that runs; a test that ends it starts it again."""
    made = Up(tmp_path_factory.mktemp("up"))
    try:
        made.start()
        yield made
    finally:
        assert made.stop(signal.SIGINT) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one start after the other is broken off: each goes on with what the one before has left."""
    return tmp_path_factory.mktemp("interrupted")


@pytest.fixture
def fresh(folder: Path) -> Iterator[Up]:
    """One that is not started yet; killed at the end if it still runs."""
    made = Up(folder)
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def test_the_ready_file_has_what_programs_need_for_its_owners_eyes_alone(up: Up) -> None:
    ready = up.ready()
    assert up.ready_file.stat().st_mode & 0o777 == 0o600
    assert set(ready) == {"api_url", "api_key", "secret_key", "database_url", "redis_url", "vcenter", "pids"}
    assert set(ready["vcenter"]) == {"url", "username", "password", "thumbprint"}
    assert set(ready["pids"]) == {"api", "workers", "postgres", "valkey", "simulator"}
    assert ready["api_url"].endswith("/client/api")
    assert len(ready["pids"]["workers"]) == 2
    assert (up.state_dir / "ready.json").read_bytes() == up.ready_file.read_bytes()


def test_when_it_is_ready_everything_answers(up: Up) -> None:
    ready = up.ready()
    assert healthy(ready)
    with psycopg.connect(ready["database_url"]) as connection:
        row = connection.execute("SELECT count(*) FROM vcenter").fetchone()
    assert row == (1,)
    assert broker_answers(ready)
    pids = ready["pids"]
    ours = family(up.process.pid)
    assert {pids["api"], *pids["workers"], pids["postgres"], pids["valkey"], pids["simulator"]} <= set(ours)


def test_each_child_has_a_group_of_its_own_so_that_the_terminal_signals_us_alone(up: Up) -> None:
    pids = up.ready()["pids"]
    children = [pids["api"], *pids["workers"], pids["postgres"], pids["valkey"], pids["simulator"]]
    assert [os.getpgid(pid) for pid in children] == children


def test_no_password_is_on_a_command_line_or_in_a_log(up: Up) -> None:
    ready = up.ready()
    secrets = [
        ready["secret_key"],
        ready["vcenter"]["password"],
        urlsplit(ready["database_url"]).password,
        urlsplit(ready["redis_url"]).password,
        (up.state_dir / "secrets" / "master-key").read_text(encoding="ascii").strip(),
    ]
    lines = [command_line(pid) for pid in family(up.process.pid)]
    logs = [file.read_text(encoding="utf-8") for file in [*(up.state_dir / "logs").iterdir(), up.said]]
    assert not [secret for secret in secrets for text in [*lines, *logs] if secret in text]


def test_a_second_one_on_the_same_folder_is_refused_naming_the_first(up: Up) -> None:
    before = up.ready()
    second = subprocess.run(
        [sys.executable, "-m", "app.cli.main", "up", "--state-dir", up.state_dir, "--port", "0"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 3
    assert f"is in use by pid {up.process.pid}" in " ".join(second.stderr.split())
    assert up.ready() == before
    assert healthy(before)


@pytest.mark.parametrize("part", ["workers", "api", "simulator", "valkey", "postgres"])
def test_what_is_killed_is_started_again_and_the_ready_file_says_so(up: Up, part: str) -> None:
    before = up.ready()
    victim = before["pids"][part][0] if part == "workers" else before["pids"][part]
    os.kill(victim, signal.SIGKILL)
    until(lambda: up.ready()["pids"] != before["pids"], 30)
    after = up.ready()
    others = {name: pid for name, pid in after["pids"].items() if name != part}
    assert others.items() <= before["pids"].items()
    assert {**after, "pids": None} == {**before, "pids": None}

    until(lambda: healthy(after), 30)
    until(lambda: broker_answers(after), 30)
    assert f"(pid {victim}) was killed by SIGKILL" in up.said.read_text(encoding="utf-8")


def test_sigterm_stops_everything_and_a_restart_finds_everything(up: Up) -> None:
    first = up.ready()
    with psycopg.connect(first["database_url"]) as connection:
        connection.execute("CREATE TABLE note AS SELECT 'kept' AS text")
    with redis.Redis.from_url(first["redis_url"]) as client:
        client.set("note", "kept")
    pids = family(up.process.pid)

    assert up.stop(signal.SIGTERM) == 0
    all_end(pids, 1)
    assert not up.ready_file.exists()

    second = up.start()
    assert {**second, "pids": None} == {**first, "pids": None}
    with psycopg.connect(second["database_url"]) as connection:
        assert connection.execute("SELECT text FROM note").fetchone() == ("kept",)
        assert connection.execute("SELECT count(*) FROM vcenter").fetchone() == (1,)
    with redis.Redis.from_url(second["redis_url"]) as client:
        assert client.get("note") == b"kept"


def test_sigkill_leaves_no_process_and_a_restart_finds_everything(up: Up) -> None:
    first = up.ready()
    with psycopg.connect(first["database_url"]) as connection:
        connection.execute("CREATE TABLE remark AS SELECT 'kept' AS text")
    pids = family(up.process.pid)
    assert len(pids) > 8

    up.process.kill()
    all_end(pids, 15)
    up.process.wait()

    up.ready_file.unlink()
    second = up.start()
    assert {**second, "pids": None} == {**first, "pids": None}
    with psycopg.connect(second["database_url"]) as connection:
        assert connection.execute("SELECT text FROM remark").fetchone() == ("kept",)


@pytest.mark.parametrize("said", ["PostgreSQL answers", "upgrading", "reading the inventory", "starting 2 workers"])
def test_sigint_while_it_starts_stops_what_is_there(fresh: Up, said: str) -> None:
    fresh.begin()
    until(lambda: said in fresh.said.read_text(encoding="utf-8"), START_SECONDS)
    pids = family(fresh.process.pid)
    assert fresh.stop(signal.SIGINT) == 0
    all_end(pids, 1)
    assert not fresh.ready_file.exists()
