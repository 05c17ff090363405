"""Trouble in any command of a program, not only in the one that copies: what is left behind is cleaned up.

A thin detached disk is relocated by a worker VM, in five tasks one after the other; a First Class Disk in one of its
own. Every task is refused, fails, or says that it failed when it is done: the disk is in one place at the end, the job
tells the truth about it, and no worker VM is left.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from app.db import transaction
from app.inventory.models import Volume
from app.jobs.models import Job
from app.jobs.states import HELD, TERMINAL, JobState
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.faults.laboratory import Laboratory, vcenter_of
from tests.integration.migration.faults.truth import disagreements
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission
from tests.running.faults import Faults

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

MOST_ROUNDS = 60
WORKER_TASKS = ["CreateVM_Task", "RelocateVM_Task", "ReconfigVM_Task", "MoveVirtualDisk_Task", "Destroy_Task"]
PASSES, ENDS = "ResourceInUse", "NoPermission"
TROUBLES = [("call", PASSES), ("0%", PASSES), ("0%", ENDS), ("done", ENDS)]


@pytest.fixture(scope="module")
def steps(laboratory: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steps]:
    loose = {"path": "[old] loose/thin-{01..20}.vmdk", "size": "2MiB", "used": "1MiB"}
    first_class = {"name": "volume-{01..04}", "datastore": "old", "size": "2MiB", "used": "1MiB"}
    settings = {"VRELOCATE_RETRY_MAX_ATTEMPTS": "3", "VRELOCATE_RETRY_BASE_SECONDS": "0.001"}
    folder = tmp_path_factory.mktemp("commands")
    with (
        vcenter_of(folder, disks=[loose], fcds=[first_class]) as vcenter,
        laboratory.working_with(vcenter, settings) as steps,
    ):
        yield steps


def to_its_end(steps: Steps, job: Job) -> Job:
    """Take a job through every step and attempt; whoever is to look again does so at once."""
    for _ in range(MOST_ROUNDS):
        if job.state in TERMINAL:
            return job
        if job.state in HELD:
            rows.lapse_lease(job.id)
        rows.make_due(job.id)
        if job.state is JobState.RUNNING:
            steps.watch()
        finishes = job.state in {JobState.RUNNING, JobState.VERIFYING}
        job = steps.finish(job.id) if finishes else steps.submit(job.id)
    raise AssertionError(f"the job does not end: {job.state} {job.phase}")


every_trouble = pytest.mark.parametrize(("moment", "fault"), TROUBLES)


@every_trouble
@pytest.mark.parametrize("task", WORKER_TASKS)
def test_a_task_of_a_worker_vm(steps: Steps, unused: InTurn, task: str, moment: str, fault: str) -> None:
    path = unused.disk(family="thin")
    disk = known.volume(path)
    planted = Faults(steps.vcenter).plant_fault(task, fault, moment)
    job = to_its_end(steps, rows.job(steps.ask_disk(path, "new")))
    assert planted.struck() == 1
    assert rows.attempts(job.id)[0].strategy == "vmware-worker-vm"
    after, for_good = known.volume_of_id(disk.id), fault == ENDS and moment != "done"
    if for_good and task in {"CreateVM_Task", "RelocateVM_Task"}:
        assert (job.state, after.path) == (JobState.FAILED, path)
        assert f"({fault})" in (job.error_text or "")
    elif for_good and task in {"ReconfigVM_Task", "MoveVirtualDisk_Task"}:
        # On its target, and nobody may give it its folder back: it stays where its worker had it, and the job says so.
        assert (job.state, after.pool.name) == (JobState.FAILED, "new")
        assert after.path.startswith("[new] vrelocate-worker-")
        assert f"({fault})" in (job.error_text or "")
        assert after.path in (job.error_text or "")
    else:
        assert (job.state, after.path) == (JobState.SUCCEEDED, path.replace("[old]", "[new]"))
    assert disagreements(steps.vcenter_id) == []
    assert admission() == NOTHING_TAKEN


@every_trouble
def test_the_task_of_a_first_class_disk(steps: Steps, moment: str, fault: str) -> None:
    disk = next(it for it in first_class() if it.pool.name == "old")
    planted = Faults(steps.vcenter).plant_fault("RelocateVStorageObject_Task", fault, moment)
    job = to_its_end(steps, rows.job(steps.ask_disk(disk.path, "new")))
    assert planted.struck() == 1
    assert rows.attempts(job.id)[0].strategy == "vmware-relocate-fcd"
    for_good = fault == ENDS and moment != "done"
    after = known.volume_of_id(disk.id)
    ended = (JobState.FAILED, "old") if for_good else (JobState.SUCCEEDED, "new")
    assert ((job.state, after.pool.name), after.fcd_id) == (ended, disk.fcd_id)
    assert disagreements(steps.vcenter_id) == []
    assert admission() == NOTHING_TAKEN


def first_class() -> list[Volume]:
    with transaction() as session:
        return list(session.scalars(select(Volume).where(Volume.fcd_id.is_not(None))))
