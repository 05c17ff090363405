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


@pytest.fixture(scope="module")
def vcenter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A vCenter that `up` did not start: vcsim as govmomi ships it. What its ready file says."""
    folder = tmp_path_factory.mktemp("vcenter")
    ready_file = folder / "vcenter.json"
    program = Program(
        name="vcenter",
        argv=[str(simulator_program()), "--plain", "--listen", "127.0.0.1:0", "--ready-file", str(ready_file)],
        log=folder / "vcenter.log",
        environment={"HOME": str(folder), "VCSIM_USERNAME": USERNAME, "VCSIM_PASSWORD": PASSWORD},
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
        assert ready["vcenter"] == {
            "url": vcenter["url"],
            "username": USERNAME,
            "password": PASSWORD,
            "thumbprint": None,
        }
        with psycopg.connect(ready["database_url"]) as connection:
            assert connection.execute("SELECT url, username FROM vcenter").fetchall() == [(vcenter["url"], USERNAME)]
        assert [ready["pids"][name] for name in ("postgres", "valkey", "simulator")] == [None, None, None]
    assert not (tmp_path / "state" / "postgres").exists()


@pytest.fixture(scope="module")
def never_ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder of which nothing has ever become ready: each try finds the database of the first one."""
    return tmp_path_factory.mktemp("up") / "state"


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
    never_ready: Path, vcenter: dict[str, Any], changes: dict[str, str], reason: str
) -> None:
    it = {**vcenter, "password": PASSWORD, **changes}
    where = ["--vcenter", it["url"], "--username", USERNAME, "--thumbprint", it["thumbprint"]]
    run = subprocess.run(
        [*UP, "--state-dir", never_ready, "--port", "0", *where],
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
    assert not (never_ready / "ready.json").exists()
