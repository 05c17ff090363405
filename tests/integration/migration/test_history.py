"""Tasks that vCenter has forgotten before anybody saw their end: its history tells it, and then the disks decide."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from app.inventory.vcenters import session_to
from app.jobs.states import JobState
from app.vsphere import task_history
from app.vsphere.tasks import read_task
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import Steps
from tests.running.faults import Faults
from tests.running.ledger import Ledger
from tests.running.waiting import until

pytestmark = pytest.mark.integration

FORGETFUL = "tasks: {recent_age: 2s, retention: 2s}\n"
"""Long enough to read what a search has found."""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The usual one, but what is over is soon forgotten."""
    usual = Path(__file__).parents[1].joinpath("scenario.yaml").read_text(encoding="utf-8")
    forgetful = tmp_path_factory.mktemp("forgetful") / "scenario.yaml"
    forgetful.write_text(FORGETFUL + usual, encoding="utf-8")
    return forgetful


def forgotten(steps: Steps, job_id: UUID) -> None:
    """Wait until vCenter knows nothing of the task any more."""
    [task] = rows.tasks(job_id)
    assert task.reference
    vcenter, reference = session_to(steps.vcenter_id), task.reference
    until(lambda: read_task(vcenter, reference) is None, 20, "vCenter has forgotten the task")


def submitted(steps: Steps, *names: str) -> list[UUID]:
    """Jobs whose tasks are over and forgotten."""
    job_ids = [steps.ask_vm(name, "new") for name in names]
    for job_id in job_ids:
        assert steps.submit(job_id).state is JobState.RUNNING
    for job_id in job_ids:
        forgotten(steps, job_id)
    return job_ids


def test_a_success_is_told_by_the_history(steps: Steps, unused: InTurn) -> None:
    [job_id] = submitted(steps, unused.vm())
    steps.watch()
    assert rows.tasks(job_id)[0].state == "success"
    assert steps.finish(job_id).state is JobState.SUCCEEDED


def test_a_failure_keeps_its_reason(steps: Steps) -> None:
    """Without the history it would be tried again as a task that was forgotten."""
    [job_id] = submitted(steps, "locked-once")
    steps.watch()
    [task] = rows.tasks(job_id)
    assert (task.state, task.fault, task.fault_class) == ("error", "FileLocked", "retry")
    assert steps.finish(job_id).state is JobState.QUEUED
    assert rows.attempts(job_id)[0].fault == "FileLocked"


def test_the_move_of_a_detached_disk_is_found_by_its_time(steps: Steps, unused: InTurn) -> None:
    """It is the task of no VM."""
    job_id = steps.ask_disk(unused.disk(), "new")
    steps.submit(job_id)
    forgotten(steps, job_id)
    steps.watch()
    assert rows.tasks(job_id)[0].state == "success"
    assert steps.finish(job_id).state is JobState.SUCCEEDED


def test_many_are_found_in_one_reading(steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 6: what it costs does not grow with the number of tasks."""
    monkeypatch.setattr(task_history, "_BY_ENTITY_AT_MOST", 2)
    monkeypatch.setattr(task_history, "_PAGE_TASKS", 4)
    job_ids = submitted(steps, *(unused.vm() for _ in range(5)))
    ledger = Ledger(steps.vcenter)
    ledger.reset()
    steps.watch()
    assert {rows.tasks(job_id)[0].state for job_id in job_ids} == {"success"}
    assert ledger.page().calls["CreateCollectorForTasks"] == 1


@pytest.mark.parametrize("ahead_seconds", [-7200, 7200])
def test_a_vcenter_whose_clock_is_wrong_is_asked_by_its_own(steps: Steps, unused: InTurn, ahead_seconds: float) -> None:
    faults = Faults(steps.vcenter)
    faults.set_clock(ahead_seconds)
    try:
        [job_id] = submitted(steps, unused.vm())
        steps.watch()
    finally:
        faults.set_clock(0)
    assert rows.tasks(job_id)[0].state == "success"


def test_a_history_that_may_not_be_read_tells_nothing_and_the_disks_decide(steps: Steps, unused: InTurn) -> None:
    faults = Faults(steps.vcenter)
    [job_id] = submitted(steps, unused.vm())
    faults.plant_fault("CreateCollectorForTasks", "NotSupported", at="call")
    steps.watch()
    assert rows.tasks(job_id)[0].state == "vanished"
    assert steps.finish(job_id).state is JobState.SUCCEEDED
