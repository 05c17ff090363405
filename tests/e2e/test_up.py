"""`vrelocate up` as its users run it: ready when it says so, alive when a part dies, gone without a trace."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

UP = [sys.executable, "-m", "app.cli.main", "up"]
START_SECONDS = 120
STOP_SECONDS = 60


def until(condition: Callable[[], bool], within_seconds: float) -> None:
    deadline, never = time.monotonic() + within_seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_seconds} s"
        never.wait(0.05)


def all_end(pids: list[int], within_seconds: float) -> None:
    """Wait on the kernel's own handles until every one of the processes has ended."""
    deadline = time.monotonic() + within_seconds
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            ended, _, _ = select.select([handle], [], [], max(0, deadline - time.monotonic()))
            assert ended, f"process {pid} still runs after {within_seconds} s"
        finally:
            os.close(handle)


def family(pid: int) -> list[int]:
    """Return a process and all of its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []
    return [pid, *[descendant for child in children for descendant in family(int(child))]]


class Up:
    """One `vrelocate up` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.state_dir = folder / "state"
        self.ready_file = folder / "ready.json"
        self.said = folder / "said.log"
        # Settings of whoever runs the tests would lead to servers of theirs.
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("VRELOCATE_") and name not in {"DATABASE_URL", "REDIS_URL"}
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process
        return self._process

    def start(self) -> dict[str, Any]:
        """Start it, wait until it is ready, return the ready file's content."""
        self.begin()
        until(lambda: self.ready_file.exists() or self.process.poll() is not None, START_SECONDS)
        assert self.process.poll() is None, self.said.read_text(encoding="utf-8")
        return self.ready()

    def begin(self) -> None:
        with self.said.open("wb") as said:
            self._process = subprocess.Popen(
                [*UP, "--port", "0", "--state-dir", self.state_dir, "--ready-file", self.ready_file],
                stdout=said,
                stderr=subprocess.STDOUT,
                env=self._environment,
            )

    def ready(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.ready_file.read_text(encoding="utf-8"))
        return content

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


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
    """One that runs, for the tests that do not stop it."""
    made = Up(tmp_path_factory.mktemp("up"))
    try:
        made.start()
        yield made
    finally:
        assert made.stop() == 0


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Up]:
    """One that is not started yet; killed at the end if it still runs."""
    made = Up(tmp_path)
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
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in family(up.process.pid)]
    logs = [file.read_text(encoding="utf-8") for file in [*(up.state_dir / "logs").iterdir(), up.said]]
    assert not [secret for secret in secrets for text in [*lines, *logs] if secret in text]


def test_a_second_one_on_the_same_folder_is_refused_naming_the_first(up: Up) -> None:
    before = up.ready()
    second = subprocess.run(
        [*UP, "--port", "0", "--state-dir", up.state_dir],
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


def test_sigterm_stops_everything_and_a_restart_finds_everything(fresh: Up) -> None:
    first = fresh.start()
    with psycopg.connect(first["database_url"]) as connection:
        connection.execute("CREATE TABLE note AS SELECT 'kept' AS text")
    with redis.Redis.from_url(first["redis_url"]) as client:
        client.set("note", "kept")
    pids = family(fresh.process.pid)

    assert fresh.stop(signal.SIGTERM) == 0
    all_end(pids, 1)
    assert not fresh.ready_file.exists()

    second = fresh.start()
    assert {**second, "pids": None} == {**first, "pids": None}
    with psycopg.connect(second["database_url"]) as connection:
        assert connection.execute("SELECT text FROM note").fetchone() == ("kept",)
        assert connection.execute("SELECT count(*) FROM vcenter").fetchone() == (1,)
    with redis.Redis.from_url(second["redis_url"]) as client:
        assert client.get("note") == b"kept"
    assert fresh.stop(signal.SIGINT) == 0


def test_sigkill_leaves_no_process_and_a_restart_finds_everything(fresh: Up) -> None:
    first = fresh.start()
    with psycopg.connect(first["database_url"]) as connection:
        connection.execute("CREATE TABLE note AS SELECT 'kept' AS text")
    pids = family(fresh.process.pid)
    assert len(pids) > 8

    fresh.process.kill()
    all_end(pids, 15)
    fresh.process.wait()

    fresh.ready_file.unlink()
    second = fresh.start()
    assert {**second, "pids": None} == {**first, "pids": None}
    with psycopg.connect(second["database_url"]) as connection:
        assert connection.execute("SELECT text FROM note").fetchone() == ("kept",)
    assert fresh.stop() == 0


@pytest.mark.parametrize("said", ["PostgreSQL answers", "upgrading", "reading the inventory", "starting 2 workers"])
def test_sigint_while_it_starts_stops_what_is_there(fresh: Up, said: str) -> None:
    fresh.begin()
    until(lambda: said in fresh.said.read_text(encoding="utf-8"), START_SECONDS)
    pids = family(fresh.process.pid)
    assert fresh.stop(signal.SIGINT) == 0
    all_end(pids, 1)
    assert not fresh.ready_file.exists()
