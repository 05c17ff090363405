"""A job of several commands that is to stop: cleaned up before its copy, taken to a whole end after it."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.jobs.states import JobState
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.programs.driving import Drive
from tests.running.faults import Entities, Faults
from tests.running.waiting import until

pytestmark = pytest.mark.integration


def cancelled(drive: Drive, job_id: UUID) -> None:
    job = drive.to_end(job_id)
    assert job.state is JobState.CANCELLED, drive.told(job_id)
    assert (job.error_text or "").startswith("cancelled on request"), job.error_text
    assert [it.outcome for it in rows.attempts(job_id)] == ["cancelled"]
    drive.leaves_nothing()


def test_before_the_copy_the_worker_vm_goes_and_the_disk_stays(drive: Drive, unused: InTurn) -> None:
    path = unused.disk(family="thin")
    volume, before = known.volume(path), drive.digest(path)
    job_id = drive.steps.ask_disk(path, "new")
    drive.until_asked(job_id, "create-worker")
    assert drive.steps.cancel(job_id).state is JobState.RUNNING
    drive.steps.stop(job_id)
    assert rows.tasks(job_id)[0].stop_asked_at is None, "what only takes seconds is let end"
    cancelled(drive, job_id)
    assert "relocate-worker" not in drive.asked(job_id)
    drive.is_at(volume.id, path)
    assert drive.digest(path) == before


def test_in_the_midst_of_the_copy(drive: Drive, faults: Faults, unused: InTurn) -> None:
    path = unused.disk("slow", "slow")
    volume, before = known.volume(path), drive.digest(path)
    job_id = drive.steps.ask_disk(path, "new")
    with faults.stalled("slow", "20MB/s"):
        drive.until_asked(job_id, "relocate-worker")
        drive.steps.cancel(job_id)
        drive.steps.stop(job_id)
        assert rows.tasks(job_id)[-1].stop_asked_at
        cancelled(drive, job_id)
    drive.is_at(volume.id, path)
    assert drive.digest(path) == before


@pytest.mark.parametrize("kind", ["detach-worker-disks", "place-disk", "destroy-worker"])
def test_after_the_copy_the_disk_gets_its_place(drive: Drive, unused: InTurn, kind: str) -> None:
    path = unused.disk(family="thin")
    volume, before = known.volume(path), drive.digest(path)
    job_id = drive.steps.ask_disk(path, "new")
    drive.until_asked(job_id, kind)
    drive.steps.cancel(job_id)
    drive.steps.stop(job_id)
    drive.succeed(job_id)
    arrived = path.replace("[old]", "[new]")
    drive.is_at(volume.id, arrived)
    assert drive.digest(arrived) == before


def test_while_it_cleans_up_after_a_failure(drive: Drive, faults: Faults, unused: InTurn) -> None:
    """What cleans up is never stopped."""
    path = unused.disk(family="thin")
    volume = known.volume(path)
    faults.plant_fault("RelocateVM_Task", "FileLocked", at="50%", which=Entities(times=1))
    job_id = drive.steps.ask_disk(path, "new")
    until(lambda: any(it.command["cleaning"] for it in rows.tasks(job_id)) or not drive.turn(job_id), 30, "cleaning")
    drive.steps.cancel(job_id)
    drive.steps.stop(job_id)
    cancelled(drive, job_id)
    assert next(it.stop_asked_at for it in rows.tasks(job_id) if it.command["cleaning"]) is None
    drive.is_at(volume.id, path)


def test_a_disk_that_vcenter_moves_by_itself(drive: Drive, unused: InTurn, faults: Faults) -> None:
    """One command, which is cancelled in vCenter."""
    path = unused.disk(family="thick")
    volume = known.volume(path)
    job_id = drive.steps.ask_disk(path, "new")
    with faults.stalled("old", "5GB/s"):
        drive.steps.submit(job_id)
        assert drive.asked(job_id) == ["move-virtual-disk"]
        drive.steps.cancel(job_id)
        drive.steps.stop(job_id)
        cancelled(drive, job_id)
    drive.is_at(volume.id, path)
