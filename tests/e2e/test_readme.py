"""The README's first real migration, word for word, with a simulated vCenter in the reader's place of a real one.

What its reader has started serves the unmodified PyPI client `cs` after that: the disks are where it was told they are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cs import CloudStack

from app.devstack.pipes import pipe_holding
from app.devstack.processes import Process, Program
from tests.running.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
START_SECONDS = 120
STOP_SECONDS = 60
PASSWORD = "the vCenter's"

CHAPTER = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## The first real migration\n")[2]
BLOCKS = re.findall(r"^```sh\n(.*?)^```", CHAPTER, re.DOTALL | re.MULTILINE)
URL, USERNAME, THUMBPRINT = "https://vcenter.example.com", "mover@vsphere.local", "2688e027…"
VOLUME_ID, POOL_ID = "85f3b5bf-436c-4e8c-864e-0170b4a252ff", "570099a1-fcd3-44da-9ba3-3d131c85329d"


class Reader:
    """Types what the README says, in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {"HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}", "NO_PROXY": "127.0.0.1"}
        self.own: dict[str, str] = {}
        """What is the reader's own in place of the README's."""

    def script(self, block: str) -> str:
        # What they are for is done: this Python's environment is the one that `make setup` made.
        text = "\n".join(line for line in block.splitlines() if line not in {"make setup", ". .venv/bin/activate"})
        for theirs, ours in self.own.items():
            text = text.replace(theirs, ours)
        return text

    def types(self, block: str) -> str:
        """Return what a block of commands prints; each of them has to succeed."""
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", self.script(block)],
            env=self.environment,
            cwd=self.home,
            check=False,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def leaves_running(self, name: str, argv: list[str], ready: Path, *, typed: str = "", **variables: str) -> Process:
        program = Program(
            name,
            argv,
            self.home / f"{name}.log",
            {**self.environment, **variables},
            stop_timeout_seconds=STOP_SECONDS,
        )
        with pipe_holding(typed) as stdin:
            process = Process(program, stdin=stdin)
        process.wait_until(ready.exists, timeout_seconds=START_SECONDS)
        return process


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader with a vCenter."""
    it = Reader(tmp_path_factory.mktemp("home"))
    program = shutil.which("vrelocate-vcsim", path=it.environment["PATH"])
    assert program, "run `make simulator`"
    ready = it.home / "vcenter.json"
    scenario = ["--scenario", str(ROOT / "simulator" / "scenarios" / "demo.yaml")]
    argv = [program, "--listen", "127.0.0.1:0", "--ready-file", str(ready), *scenario]
    vcenter = it.leaves_running("vcenter", argv, ready, VCSIM_USERNAME=USERNAME, VCSIM_PASSWORD=PASSWORD)
    it.own[URL] = json.loads(ready.read_text(encoding="utf-8"))["url"]
    yield it
    vcenter.stop()


@pytest.fixture(scope="module")
def ready(reader: Reader) -> Iterator[dict[str, Any]]:
    """What the README's reader has started; its ready file."""
    look, start, *_ = BLOCKS
    reader.own[THUMBPRINT] = reader.types(look).strip()
    assert re.fullmatch("[0-9a-f]{64}", reader.own[THUMBPRINT])

    # The shell becomes `vrelocate up`, for a signal to reach it; its port may be another installation's here.
    script = reader.script(start).replace("vrelocate up", "exec vrelocate up --port 0")
    file = reader.home / "vrelocate" / "ready.json"
    up = reader.leaves_running("up", ["/bin/bash", "-euc", script], file, typed=f"{PASSWORD}\n")
    try:
        yield json.loads(file.read_text(encoding="utf-8"))
    finally:
        assert up.stop(), up.last_words()
    assert up.end() == "exited with status 0"


def test_a_vcenter_of_yours_takes_the_place_of_the_simulated_one(reader: Reader, ready: dict[str, Any]) -> None:
    url, thumbprint = reader.own[URL], reader.own[THUMBPRINT]
    assert ready["vcenter"] == {"url": url, "username": USERNAME, "password": PASSWORD, "thumbprint": thumbprint}
    with psycopg.connect(ready["database_url"]) as connection:
        assert connection.execute("SELECT url, username FROM vcenter").fetchall() == [(url, USERNAME)]
    assert [name for name, pid in ready["pids"].items() if pid is None] == ["simulator"]


@pytest.mark.usefixtures("ready")
def test_the_first_real_migration(reader: Reader) -> None:
    _look, _start, migrate, with_cs = BLOCKS
    said = reader.types(migrate)
    assert len(re.findall("✓ .*read back", said)) == 3

    ids = {}
    for what in ("volumes", "pools"):
        listed = json.loads(reader.types(f"vrelocate {what} --json --state-dir ~/vrelocate"))
        ids |= {it["name"]: it["id"] for it in listed}
    reader.own |= {VOLUME_ID: ids["data-02"], POOL_ID: ids["ds-new"]}
    said = reader.types(with_cs)
    assert '"path": "[ds-new] detached/data-02.vmdk"' in said


# -- the unmodified client ---------------------------------------------------------------------------------------------


@pytest.fixture
def client(ready: dict[str, Any]) -> CloudStack:
    return CloudStack(
        endpoint=ready["api_url"], key=ready["api_key"], secret=ready["secret_key"], job_timeout=60, poll_interval=0.3
    )


def the(client: CloudStack, kind: str, name: str) -> dict[str, Any]:
    """Return the one thing of that name."""
    found = getattr(client, f"list{kind}")(name=name, fetch_list=True)
    assert len(found) == 1, found
    thing: dict[str, Any] = found[0]
    return thing


def test_a_detached_disk_moves(client: CloudStack) -> None:
    volume, target = the(client, "Volumes", "data-03"), the(client, "StoragePools", "ds-new")
    started = client.migrateVolume(volumeid=volume["id"], storageid=target["id"])
    assert set(started) == {"jobid"}
    result = client.queryAsyncJobResult(jobid=started["jobid"])
    assert result["jobstatus"] in {0, 1}

    moved = client.migrateVolume(  # sent again with the client's own waiting: the first job is over or refuses it
        volumeid=the(client, "Volumes", "data-04")["id"], storageid=target["id"], fetch_result=True
    )["volume"]
    assert (moved["storage"], moved["storageid"]) == ("ds-new", target["id"])

    after = the(client, "Volumes", "data-04")
    assert (after["id"], after["storageid"]) == (moved["id"], target["id"])
    assert [(disk["from"], disk["to"], disk["verified"]) for disk in moved["migrateddisks"]] == [
        ("ds-old", "ds-new", True)
    ]


def test_a_stopped_vm_moves_with_all_of_its_disks(client: CloudStack) -> None:
    vm, target = the(client, "VirtualMachines", "app-09"), the(client, "StoragePools", "ds-new")
    before = client.listVolumes(virtualmachineid=vm["id"], fetch_list=True)
    assert {volume["storage"] for volume in before} == {"ds-old"}

    moved = client.migrateVirtualMachine(virtualmachineid=vm["id"], storageid=target["id"], fetch_result=True)

    assert moved["virtualmachine"]["id"] == vm["id"]
    after = client.listVolumes(virtualmachineid=vm["id"], fetch_list=True)
    assert {volume["id"] for volume in after} == {volume["id"] for volume in before}
    assert {volume["storage"] for volume in after} == {"ds-new"}


def test_a_stopped_vm_moves_disk_by_disk(client: CloudStack) -> None:
    vm, root, data = (
        the(client, *it) for it in (("VirtualMachines", "app-05"), ("Volumes", "app-05"), ("Volumes", "app-05_1"))
    )
    migrate_to = [{"volume": data["id"], "pool": the(client, "StoragePools", "ds-new")["id"]}]
    checked = client.checkMigration(virtualmachineid=vm["id"], migrateto=migrate_to)["migration"]
    assert (checked["wouldstart"], [disk["name"] for disk in checked["disks"]]) == (True, ["app-05_1"])

    moved = client.migrateVirtualMachineWithVolume(virtualmachineid=vm["id"], migrateto=migrate_to, fetch_result=True)

    assert [disk["volume_id"] for disk in moved["virtualmachine"]["migrateddisks"]] == [data["id"]]
    after = {volume["id"]: volume["storage"] for volume in client.listVolumes(virtualmachineid=vm["id"])["volume"]}
    assert after == {root["id"]: "ds-old", data["id"]: "ds-new"}


def test_a_refusal_comes_as_cloudstacks_error(client: CloudStack) -> None:
    vm, other_cluster = the(client, "VirtualMachines", "refused-cluster"), the(client, "StoragePools", "ds-b")
    job = client.migrateVirtualMachine(virtualmachineid=vm["id"], storageid=other_cluster["id"])["jobid"]

    result = until(lambda: over(client, job), 60, "the job is over")
    assert result
    assert (result["jobstatus"], result["jobresultcode"]) == (2, 431)
    assert "cross-cluster migration is not supported" in result["jobresult"]["errortext"]


def over(client: CloudStack, job: str) -> dict[str, Any] | None:
    """Return what became of a job, when something has."""
    result: dict[str, Any] = client.queryAsyncJobResult(jobid=job)
    return result if result["jobstatus"] else None
