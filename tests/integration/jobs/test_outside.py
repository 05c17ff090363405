"""Law 3: what is asked of an outside system is written down before it is asked, and its end is written once."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from app.db import transaction
from app.jobs import attempts, outside
from app.jobs.leases import Claim, claim_to_submit
from app.jobs.outside import Ending
from app.jobs.states import JobState, TaskState
from tests.integration.jobs import rows
from tests.integration.jobs.at_once import at_once

pytestmark = pytest.mark.integration

COMMAND = {"kind": "relocate-vm", "vm": "vm-1"}


@pytest.fixture
def claim() -> Claim:
    claimed = claim_to_submit(rows.new_job(), "worker")
    assert claimed
    with transaction() as session:
        attempts.begin(session, claimed)
    return claimed


def intend(claim: Claim, sequence: int = 0) -> UUID:
    return outside.intend(claim, 1, sequence, rows.NOBODY, COMMAND)


def settle(task_id: UUID, ending: Ending) -> UUID | None:
    with transaction() as session:
        return outside.settle(session, task_id, ending)


def test_an_intent_is_durable_and_says_enough_to_do_it_again(claim: Claim) -> None:
    intend(claim)
    [task] = rows.tasks(claim.job_id)
    assert (task.state, task.command, task.reference, task.submitted_at) == (TaskState.INTENDED, COMMAND, None, None)
    assert rows.kinds(claim.job_id)[-1] == "intended"


def test_a_second_intent_waits_for_the_first_to_be_settled(claim: Claim) -> None:
    task_id = intend(claim)
    with pytest.raises(IntegrityError, match="uq_outside_task_open"):
        intend(claim, 1)
    settle(task_id, Ending(TaskState.ABANDONED))
    intend(claim, 1)


@pytest.mark.parametrize("adopted", [False, True])
def test_a_submitted_job_runs_and_nobody_holds_it(claim: Claim, *, adopted: bool) -> None:
    task_id = intend(claim)
    outside.submitted(claim, task_id, "task-7", adopted=adopted)
    job, [task] = rows.job(claim.job_id), rows.tasks(claim.job_id)
    assert (job.state, job.lease_owner, job.rung_at, job.progress) == (JobState.RUNNING, None, None, 0)
    assert (task.reference, task.state, task.adopted) == ("task-7", TaskState.QUEUED, adopted)
    assert task.submitted_at is not None
    assert rows.kinds(claim.job_id)[-1] == ("adopted" if adopted else "submitted")


def test_an_end_is_written_once_and_the_first_report_counts(claim: Claim) -> None:
    task_id = intend(claim)
    outside.submitted(claim, task_id, "task-7")
    endings = [Ending(TaskState.ERROR, f"Fault{n}", "retry", "it failed") for n in range(8)]
    reports = [job_id for job_id in at_once(8, lambda n: settle(task_id, endings[n])) if job_id]
    assert reports == [claim.job_id]
    [task] = rows.tasks(claim.job_id)
    assert task.settled_at is not None
    assert (task.state, task.fault_class, task.message) == (TaskState.ERROR, "retry", "it failed")
    assert settle(task_id, Ending(TaskState.SUCCESS)) is None
    assert rows.tasks(claim.job_id)[0].fault == task.fault


@pytest.mark.parametrize(
    ("state", "progress"), [(TaskState.SUCCESS, 100), (TaskState.ERROR, 0), (TaskState.VANISHED, 0)]
)
def test_only_a_success_is_complete(claim: Claim, state: TaskState, progress: int) -> None:
    task_id = intend(claim)
    settle(task_id, Ending(state))
    assert rows.tasks(claim.job_id)[0].progress == progress
