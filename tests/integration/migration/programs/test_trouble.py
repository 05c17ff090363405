"""A worker VM's steps fail, for now or for good: the disk is whole where it is, and no worker is left."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.jobs.states import JobState
from app.migration.left_workers import remove_left_workers
from app.vsphere.inventory import read_vm
from app.vsphere.worker_vm import list_workers
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.programs.driving import Drive
from tests.integration.migration.steps import admission
from tests.integration.operating import Operator
from tests.running.faults import Entities, Faults, Planted
from tests.running.ledger import Ledger
from tests.running.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(200)]

FOR_NOW = "TaskInProgress"
WAIT_SECONDS = 30


def outcomes(job_id: UUID) -> list[tuple[str | None, str | None]]:
    return [(attempt.outcome, attempt.fault) for attempt in rows.attempts(job_id)]


def in_the_way(faults: Faults, method: str, at: str, times: int) -> Planted:
    """Let another task be in a method's way for so many times."""
    task = {"task": {"type": "Task", "value": "task-1"}}
    return faults.plant_fault(method, FOR_NOW, at=at, which=Entities(times=times), properties=task)


@pytest.mark.parametrize("fault", ["FileLocked", "NoDiskSpace"])
def test_a_relocation_that_fails_half_way_leaves_the_disk_whole_and_is_tried_again(
    drive: Drive, faults: Faults, unused: InTurn, fault: str
) -> None:
    path = unused.disk(family="thin")
    volume, before = known.volume(path), drive.digest(path)
    faults.plant_fault("RelocateVM_Task", fault, at="50%")
    job_id = drive.steps.ask_disk(path, "new")
    while rows.job(job_id).attempt < 1 or rows.attempts(job_id)[0].ended_at is None:
        drive.turn(job_id)
    assert outcomes(job_id) == [("retried", fault)]
    assert f"disk {volume.name} is still on old" in (rows.attempts(job_id)[0].message or "")
    drive.is_at(volume.id, path)
    assert drive.digest(path) == before
    drive.leaves_nothing()

    drive.succeed(job_id)
    assert outcomes(job_id) == [("retried", fault), ("succeeded", None)]
    drive.is_at(volume.id, path.replace("[old]", "[new]"))
    assert drive.digest(path.replace("[old]", "[new]")) == before


def test_a_relocation_that_always_fails_ends_the_job(drive: Drive, faults: Faults, unused: InTurn) -> None:
    path = unused.disk(family="thin")
    volume = known.volume(path)
    faults.plant_fault("RelocateVM_Task", "NotSupported", at="50%", which=Entities(times="always"))
    job = drive.to_end(drive.steps.ask_disk(path, "new"))
    assert (job.state, job.error_code) == (JobState.FAILED, 530)
    assert "(NotSupported)" in (job.error_text or "")
    assert f"disk {volume.name} is still on old" in (job.error_text or "")
    drive.is_at(volume.id, path)
    drive.leaves_nothing()


def test_a_worker_that_cannot_be_made_ends_the_attempt(drive: Drive, faults: Faults, unused: InTurn) -> None:
    path = unused.disk(family="thin")
    volume = known.volume(path)
    faults.plant_fault("CreateVM_Task", "NoPermission", at="call", which=Entities(times="always"))
    job = drive.to_end(drive.steps.ask_disk(path, "new"))
    assert job.state is JobState.FAILED
    assert "NoPermission" in (job.error_text or "")
    drive.is_at(volume.id, path)
    drive.leaves_nothing()


@pytest.mark.parametrize("method", ["ReconfigVM_Task", "Destroy_Task", "MoveVirtualDisk_Task"])
@pytest.mark.parametrize("at", ["call", "0%"])
def test_a_small_step_that_is_refused_for_now_is_asked_for_again(
    drive: Drive, faults: Faults, unused: InTurn, *, method: str, at: str
) -> None:
    """Never swallowed: CloudStack's worker VMs stay when a pending task is in the way (apache/cloudstack#3408)."""
    path = unused.disk(family="thin")
    volume = known.volume(path)
    planted = in_the_way(faults, method, at, 3)
    job_id = drive.steps.ask_disk(path, "new")
    drive.succeed(job_id)
    assert planted.struck() == 3
    assert outcomes(job_id) == [("succeeded", None)]
    drive.is_at(volume.id, path.replace("[old]", "[new]"))
    [relocated] = [counts for name, counts in Ledger(drive.steps.vcenter).of("RelocateVM_Task").items() if name]
    assert (relocated["started"], relocated["succeeded"]) == (1, 1)


def test_a_worker_is_not_destroyed_while_it_has_the_disk(drive: Drive, faults: Faults, unused: InTurn) -> None:
    """It is left to the sync, and the disk is not lost with it."""
    path = unused.disk(family="thin")
    volume, before = known.volume(path), drive.digest(path)
    faults.plant_fault("ReconfigVM_Task", "NoPermission", at="call", which=Entities(times="always"))
    job_id = drive.steps.ask_disk(path, "new")
    job = drive.to_end(job_id)
    assert job.state is JobState.FAILED
    assert drive.calls("Destroy_Task") == {"Destroy_Task": 0}
    [worker] = list_workers(drive.session)
    assert worker.job_id == str(job_id)
    left_at = known.volume_of_id(volume.id).path
    assert left_at.startswith("[new] vrelocate-worker-")
    assert f"the disk is at {left_at} instead of {path.replace('[old]', '[new]')}" in (job.error_text or "")
    assert drive.digest(left_at) == before
    faults.lift_all()
    known.sync(drive.steps.vcenter_id)
    assert remove_left_workers(drive.steps.vcenter_id) == 1
    drive.leaves_nothing()
    known.sync(drive.steps.vcenter_id)
    drive.is_at(volume.id, left_at)
    assert drive.digest(left_at) == before


def test_a_disk_that_was_left_in_the_workers_folder_is_moved_on_by_the_next_attempt(
    drive: Drive, faults: Faults, unused: InTurn
) -> None:
    path = unused.disk(family="thin")
    moved = path.replace("[old]", "[new]")
    volume, before = known.volume(path), drive.digest(path)
    # As often as a small step is asked for in one attempt.
    in_the_way(faults, "MoveVirtualDisk_Task", "call", 8)
    job_id = drive.steps.ask_disk(path, "new")
    drive.succeed(job_id)
    assert outcomes(job_id) == [("retried", FOR_NOW), ("succeeded", None)]
    assert "instead of " + moved in (rows.attempts(job_id)[0].message or "")
    assert drive.asked(job_id).count("relocate-worker") == 1
    drive.is_at(volume.id, moved)
    assert drive.digest(moved) == before


@pytest.mark.parametrize("to", ["slow", "old"])
def test_a_disk_that_was_left_in_the_workers_folder_gets_its_own_from_the_next_job(
    drive: Drive, faults: Faults, unused: InTurn, to: str
) -> None:
    """The job that left it there is over, and nobody tries it again: somebody wants the disk elsewhere."""
    path = unused.disk(family="thin")
    volume, before = known.volume(path), drive.digest(path)
    faults.plant_fault("MoveVirtualDisk_Task", "NotSupported", at="call", which=Entities(times="always"))
    job = drive.to_end(drive.steps.ask_disk(path, "new"))
    left_at = known.volume_of_id(volume.id).path
    assert job.state is JobState.FAILED
    assert f"the disk is at {left_at} instead of {path.replace('[old]', '[new]')}" in (job.error_text or "")
    faults.lift_all()

    drive.succeed(drive.steps.ask_disk(left_at, to))
    moved = path.replace("[old]", f"[{to}]")
    drive.is_at(volume.id, moved)
    assert drive.digest(moved) == before


def test_a_sync_while_a_left_disk_gets_its_place_leaves_its_volume_alone(
    drive: Drive, faults: Faults, unused: InTurn
) -> None:
    """The next attempt has only that to do, and the disk is in neither of the two places that the inventory knows."""
    path = unused.disk(family="thin")
    moved = path.replace("[old]", "[new]")
    volume = known.volume(path)
    in_the_way(faults, "MoveVirtualDisk_Task", "call", 8)
    job_id = drive.steps.ask_disk(path, "new")
    until(lambda: drive.turn(job_id).attempt == 2, WAIT_SECONDS, "the next attempt")
    assert rows.job(job_id).state is JobState.RUNNING
    until(lambda: drive.exists(moved), WAIT_SECONDS, "vCenter has moved it")
    known.sync(drive.steps.vcenter_id)
    drive.succeed(job_id)
    drive.is_at(volume.id, moved)
    known.sync(drive.steps.vcenter_id)
    drive.is_at(volume.id, moved)


def test_a_disk_that_its_worker_still_has_is_taken_from_it_by_the_next_attempt(
    drive: Drive, faults: Faults, unused: InTurn
) -> None:
    path = unused.disk(family="thin")
    volume = known.volume(path)
    # Of the program, and of its clean-up.
    in_the_way(faults, "ReconfigVM_Task", "call", 16)
    job_id = drive.steps.ask_disk(path, "new")
    drive.succeed(job_id)
    assert outcomes(job_id) == [("retried", FOR_NOW), ("succeeded", None)]
    assert drive.asked(job_id).count("relocate-worker") == 1
    drive.is_at(volume.id, path.replace("[old]", "[new]"))


def test_a_name_that_somebody_has_taken_meanwhile_is_not_overwritten(
    drive: Drive, operator: Operator, unused: InTurn
) -> None:
    path = unused.disk(family="thin")
    moved = path.replace("[old]", "[new]")
    volume = known.volume(path)
    job_id = drive.steps.ask_disk(path, "new")
    drive.steps.submit(job_id)
    operator.make_folder(moved.rpartition("/")[0])
    operator.copy_disk(unused.disk(family="thick"), moved)
    theirs = drive.digest(moved)
    job = drive.to_end(job_id)
    assert job.state is JobState.FAILED
    assert "FileAlreadyExists" in (job.error_text or "")
    left_at = known.volume_of_id(volume.id).path
    assert f"the disk is at {left_at} instead of {moved}" in (job.error_text or "")
    drive.is_at(volume.id, left_at)
    assert drive.digest(moved) == theirs
    drive.leaves_nothing()


def test_a_worker_that_somebody_destroys_has_the_disk_no_more(drive: Drive, operator: Operator, unused: InTurn) -> None:
    """They have emptied it first: it is made anew."""
    path = unused.disk(family="thin")
    volume = known.volume(path)
    job_id = drive.steps.ask_disk(path, "new")
    drive.steps.submit(job_id)
    drive.steps.watch()
    [worker] = list_workers(operator.session)
    [disk] = read_vm(operator.session, worker.moref).disks
    operator.detach(worker.moref, disk.key)
    operator.destroy(worker.moref)
    drive.succeed(job_id)
    assert drive.asked(job_id).count("create-worker") == 2
    assert outcomes(job_id) == [("succeeded", None)]
    drive.is_at(volume.id, path.replace("[old]", "[new]"))
    assert admission() == (0, 0, 0)
