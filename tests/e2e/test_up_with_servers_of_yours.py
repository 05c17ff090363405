"""`vrelocate up` beside a database, a broker and a vCenter that are the user's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.devstack.postgres import Postgres
from app.devstack.processes import Process, Program
from app.devstack.simulator import simulator_program
from app.devstack.valkey import Valkey

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

UP = [sys.executable, "-m", "app.cli.main", "up"]
CONFIGURATION = 3  # the exit code for everything that has to be set right first
USERNAME, PASSWORD = "somebody@vsphere.local", "s3cret"

RunUp = Callable[..., dict[str, Any]]


def environment(more: dict[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("VRELOCATE_")}
    return {**{name: value for name, value in ours.items() if name not in {"DATABASE_URL", "REDIS_URL"}}, **more}


@pytest.fixture
def run_up(tmp_path: Path) -> Iterator[RunUp]:
    """Start one, return the ready file's content when it says that it is ready; stopped at the end."""
    started: list[subprocess.Popen[str]] = []

    def run(*options: str, **more: str) -> dict[str, Any]:
        state = tmp_path / "state"
        process = subprocess.Popen(
            [*UP, "--state-dir", state, "--port", "0", *options],
            stderr=subprocess.PIPE,
            text=True,
            env=environment(more),
        )
        started.append(process)
        assert process.stderr
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("ready:"):
                break
        else:
            pytest.fail("".join(said))
        process.stderr.close()  # a listener that goes away is no reason to stop, nor to stop badly
        content: dict[str, Any] = json.loads((state / "ready.json").read_text(encoding="utf-8"))
        return content

    yield run
    for process in started:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.fixture
def vcenter(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A vCenter that `up` did not start: vcsim as govmomi ships it. What its ready file says."""
    ready_file = tmp_path / "vcenter.json"
    program = Program(
        name="vcenter",
        argv=[str(simulator_program()), "--plain", "--listen", "127.0.0.1:0", "--ready-file", str(ready_file)],
        log=tmp_path / "vcenter.log",
        environment={"HOME": str(tmp_path), "VCSIM_USERNAME": USERNAME, "VCSIM_PASSWORD": PASSWORD},
    )
    process = Process(program)
    process.wait_until(ready_file.exists, timeout_seconds=60)
    yield json.loads(ready_file.read_text(encoding="utf-8"))
    process.stop()


def test_servers_that_the_environment_names_are_used_and_not_started(
    tmp_path: Path, run_up: RunUp, vcenter: dict[str, Any]
) -> None:
    """All three of them, the vCenter with whatever certificate it has."""
    with Postgres(tmp_path / "pg", parameters={"fsync": "off"}) as database, Valkey(tmp_path / "valkey") as broker:
        ready = run_up(
            *("--vcenter", vcenter["url"], "--username", USERNAME, "--insecure"),
            VRELOCATE_DATABASE_URL=database.url,
            REDIS_URL=broker.url,
            VRELOCATE_VCENTER_PASSWORD=PASSWORD,
        )
        assert (ready["database_url"], ready["redis_url"]) == (database.url, broker.url)
        assert_it_has_the_vcenter_of_yours(ready, vcenter["url"], thumbprint=None)
        assert [ready["pids"][name] for name in ("postgres", "valkey", "simulator")] == [None, None, None]
    assert not (tmp_path / "state" / "postgres").exists()


def test_a_vcenter_of_yours_takes_the_place_of_the_simulated_one(run_up: RunUp, vcenter: dict[str, Any]) -> None:
    ready = run_up(
        *("--vcenter", vcenter["url"], "--username", USERNAME, "--thumbprint", vcenter["thumbprint"]),
        VRELOCATE_VCENTER_PASSWORD=PASSWORD,
    )
    assert_it_has_the_vcenter_of_yours(ready, vcenter["url"], thumbprint=vcenter["thumbprint"])
    assert [name for name, pid in ready["pids"].items() if pid is None] == ["simulator"]


def assert_it_has_the_vcenter_of_yours(ready: dict[str, Any], url: str, *, thumbprint: str | None) -> None:
    assert ready["vcenter"] == {"url": url, "username": USERNAME, "password": PASSWORD, "thumbprint": thumbprint}
    with psycopg.connect(ready["database_url"]) as connection:
        assert connection.execute("SELECT url, username FROM vcenter").fetchall() == [(url, USERNAME)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"password": "guessed"}, "refuses user"),
        ({"thumbprint": "00" * 32}, "certificate"),
        ({"url": "https://127.0.0.1:9/sdk"}, "127.0.0.1:9"),
        ({"password": ""}, "set VRELOCATE_VCENTER_PASSWORD"),
    ],
)
def test_a_vcenter_that_lets_us_not_in_is_a_clear_error(
    tmp_path: Path, vcenter: dict[str, Any], changes: dict[str, str], reason: str
) -> None:
    it = {**vcenter, "password": PASSWORD, **changes}
    where = ["--vcenter", it["url"], "--username", USERNAME, "--thumbprint", it["thumbprint"]]
    run = subprocess.run(
        [*UP, "--state-dir", tmp_path / "state", "--port", "0", *where],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment({"VRELOCATE_VCENTER_PASSWORD": it["password"]}),
    )
    assert run.returncode == CONFIGURATION
    said = " ".join(run.stderr.split())
    assert reason in said
    assert "Traceback" not in said
    assert PASSWORD not in said
    assert not (tmp_path / "state" / "ready.json").exists()
