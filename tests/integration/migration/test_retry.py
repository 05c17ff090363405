"""A job that is tried again by hand: a new attempt of the same job, with all its time, moving only what is left."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from app.errors import LiveJobExists, NotFound
from app.jobs.states import JobState
from app.migration.retry import CannotRetry
from app.settings import settings
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import USER, Steps
from tests.integration.operating import Operator
from tests.running.faults import Entities, Faults

pytestmark = pytest.mark.integration


@pytest.fixture
def failed(steps: Steps, faults: Faults, unused: InTurn) -> tuple[str, UUID]:
    """The name of a VM whose job has failed half-way, and the job."""
    name = unused.vm()
    faults.plant_fault("RelocateVM_Task", "NoPermission", at="50%", which=Entities(entity=name))
    job_id = steps.ask_vm(name, "new")
    assert steps.run(job_id).state is JobState.FAILED
    return name, job_id


def test_one_that_failed_gets_a_new_attempt_and_succeeds(steps: Steps, failed: tuple[str, UUID]) -> None:
    name, job_id = failed
    before = rows.job(job_id)
    job = steps.retry(job_id)
    assert (job.state, job.attempt, job.error_code, job.error_text, job.finished_at) == (
        JobState.QUEUED, 1, None, None, None,
    )  # fmt: skip
    assert job.max_attempts == 1 + settings().retry_max_attempts
    assert (job.work_began_at, job.progress) == (None, 0)
    assert job.deadline_at
    assert job.deadline_at == job.updated_at + timedelta(seconds=settings().job_wait_seconds) > before.created_at
    assert steps.run(job_id).state is JobState.SUCCEEDED
    assert [(it.outcome, it.fault) for it in rows.attempts(job_id)] == [("failed", "NoPermission"), ("succeeded", None)]
    tried_again = next(event for event in rows.history(job_id) if event.kind == "tried again")
    assert (tried_again.actor, tried_again.from_state, tried_again.to_state) == (f"user:{USER}", "failed", "queued")
    assert steps.ledger(name)["started"] == 2
    assert {disk.pool.name for disk in known.disks(name)} == {"new"}


def test_one_that_was_cancelled_is_not_to_stop_any_more(steps: Steps, unused: InTurn) -> None:
    job_id = steps.ask_vm(unused.vm(), "new")
    steps.cancel(job_id)
    job = steps.retry(job_id)
    assert (job.state, job.stop_wish, job.stop_wished_by, job.stop_wished_at) == (JobState.QUEUED, None, None, None)
    assert steps.run(job_id).state is JobState.SUCCEEDED


def test_automatic_attempts_begin_anew(steps: Steps, faults: Faults, failed: tuple[str, UUID]) -> None:
    name, job_id = failed
    faults.plant_fault("RelocateVM_Task", "FileLocked", at="50%", which=Entities(entity=name))
    steps.retry(job_id)
    assert steps.run(job_id).state is JobState.QUEUED
    assert steps.run_again(job_id).state is JobState.SUCCEEDED
    assert [it.outcome for it in rows.attempts(job_id)] == ["failed", "retried", "succeeded"]


def test_what_has_arrived_meanwhile_is_not_moved_again(
    steps: Steps, operator: Operator, failed: tuple[str, UUID]
) -> None:
    name, job_id = failed
    operator.relocate(known.vm(name).moref, known.pool("new").moref)
    steps.retry(job_id)
    assert steps.submit(job_id).state is JobState.SUCCEEDED
    assert steps.ledger(name)["started"] == 2, "ours that failed, and the operator's"


def test_one_that_is_live_is_left_as_it_is(steps: Steps, unused: InTurn) -> None:
    job_id = steps.ask_vm(unused.vm(), "new")
    before = rows.everything_of(job_id)
    steps.retry(job_id)
    assert rows.everything_of(job_id) == before


def test_one_that_has_succeeded_is_refused(steps: Steps, unused: InTurn) -> None:
    job_id = steps.ask_vm(unused.vm(), "new")
    steps.run(job_id)
    with pytest.raises(CannotRetry, match="has succeeded"):
        steps.retry(job_id)


def test_one_whose_vm_has_another_live_job_is_refused_with_that_ones_id(steps: Steps, failed: tuple[str, UUID]) -> None:
    name, job_id = failed
    other = steps.ask_vm(name, "gold")
    before = rows.everything_of(job_id)
    with pytest.raises(LiveJobExists, match=str(other)):
        steps.retry(job_id)
    assert rows.everything_of(job_id) == before


def test_one_whose_vm_is_gone_is_refused(steps: Steps, operator: Operator, failed: tuple[str, UUID]) -> None:
    name, job_id = failed
    operator.destroy(known.vm(name).moref)
    known.sync(steps.vcenter_id)
    with pytest.raises(NotFound, match="unable to find a virtual machine"):
        steps.retry(job_id)


def test_an_unknown_job_is_told(steps: Steps) -> None:
    with pytest.raises(NotFound, match="unable to find a job"):
        steps.retry(UUID(int=0))
