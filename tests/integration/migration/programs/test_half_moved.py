"""A relocation that fails after some of a VM's disks: told disk by disk, and a retry moves only the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.jobs.states import JobState
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.programs.driving import Drive
from tests.running.faults import Entities, Faults
from tests.running.ledger import Ledger

pytestmark = pytest.mark.integration

MIB = 2**20
ONE_DISK = 16 * MIB


@pytest.fixture(scope="module")
def scenario() -> Path:
    return Path(__file__).with_name("half-moved.yaml")


def pools(name: str) -> list[str]:
    return [disk.pool.name for disk in known.disks(name)]


def test_a_retry_moves_only_the_rest(drive: Drive, faults: Faults, unused: InTurn) -> None:
    name = unused.vm("trio")
    ids = [disk.id for disk in known.disks(name)]
    faults.plant_fault("RelocateVM_Task", "FileLocked", at="50%")
    job_id = drive.steps.ask_vm(name, "new")
    drive.steps.run(job_id)
    assert rows.job(job_id).state is JobState.QUEUED
    assert pools(name) == ["new", "old", "old"]
    told = rows.attempts(job_id)[0].message or ""
    first, second, third = known.disks(name)
    assert f"disk {second.name} is still on old, disk {third.name} is still on old" in told
    assert f"disk {first.name} is" not in told
    assert f"the configuration of VM {name} is still on old" in told
    before = Ledger(drive.steps.vcenter).written_bytes("new")

    job = drive.succeed(job_id)
    assert pools(name) == ["new", "new", "new"]
    assert [disk.id for disk in known.disks(name)] == ids
    written = Ledger(drive.steps.vcenter).written_bytes("new") - before
    assert 2 * ONE_DISK <= written < 3 * ONE_DISK, "the first disk was not copied again"
    sizes = {disk["volume_id"]: disk["bytes"] for task in rows.tasks(job_id) for disk in task.command["disks"]}
    assert [attempt.bytes for attempt in rows.attempts(job_id)] == [
        sizes[str(first.id)],
        sizes[str(second.id)] + sizes[str(third.id)],
    ]
    _, retried = rows.tasks(job_id)
    assert {disk["volume_id"] for disk in retried.command["disks"]} == {str(second.id), str(third.id)}
    assert job.result is not None
    assert {disk["volume_id"]: disk["from"] for disk in job.result["disks"]} == dict.fromkeys(map(str, ids), "old")


def test_what_will_not_pass_is_told_disk_by_disk(drive: Drive, faults: Faults, unused: InTurn) -> None:
    name = unused.vm("trio")
    faults.plant_fault("RelocateVM_Task", "NotSupported", at="80%", which=Entities(times="always"))
    job = drive.to_end(drive.steps.ask_vm(name, "new"))
    assert job.state is JobState.FAILED
    *there, last = known.disks(name)
    assert [disk.pool.name for disk in there] == ["new", "new"]
    assert f"disk {last.name} is still on old" in (job.error_text or "")
    assert not any(f"disk {disk.name} is" in (job.error_text or "") for disk in there)
    drive.leaves_nothing()
    faults.lift_all()
    # Somebody has put it right: the same request moves what is left.
    drive.succeed(drive.steps.ask_vm(name, "new"))
    assert pools(name) == ["new", "new", "new"]
