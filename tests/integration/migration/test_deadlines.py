"""A job whose time is over: vCenter is asked to cancel, and only when it has stopped is the job over (law 5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.jobs import sweeping
from app.jobs.leases import claim_to_submit
from app.jobs.models import Job
from app.jobs.states import JobState
from app.migration.accept import accept
from app.migration.requests import MigrateVirtualMachine
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import ACCOUNT, NOTHING_TAKEN, USER, Steps, admission
from tests.running.faults import Entities, Faults

pytestmark = pytest.mark.integration

DEFAULT_SECONDS, WAIT_SECONDS = 7200, 3600


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    bounds = {"VRELOCATE_JOB_TIMEOUT_SECONDS": str(DEFAULT_SECONDS), "VRELOCATE_JOB_WAIT_SECONDS": str(WAIT_SECONDS)}
    return {**environment, **bounds}


def ask(name: str, timeout_seconds: int | None) -> UUID:
    request = MigrateVirtualMachine(vm_id=known.vm(name).id, pool_id=known.pool("new").id)
    return accept(request, user_id=USER, account_id=ACCOUNT, timeout_seconds=timeout_seconds)


def is_over(job: Job, *saying: str) -> None:
    assert (job.state, job.error_code, job.stop_wish, job.stop_wished_by) == (
        JobState.FAILED, 530, "deadline", "sweeper",
    )  # fmt: skip
    assert [words for words in saying if words not in (job.error_text or "")] == []
    assert admission() == NOTHING_TAKEN


@pytest.mark.parametrize(("timeout", "granted"), [(None, DEFAULT_SECONDS), (90, 90)], ids=["default", "its own"])
def test_the_time_of_a_job_begins_with_its_first_task(
    steps: Steps, unused: InTurn, timeout: int | None, granted: int
) -> None:
    job_id = ask(unused.vm(), timeout)
    waiting = rows.job(job_id)
    assert waiting.deadline_at == waiting.created_at + timedelta(seconds=WAIT_SECONDS)
    assert waiting.work_began_at is None
    running = steps.submit(job_id)
    assert running.work_began_at
    assert waiting.created_at < running.work_began_at <= datetime.now(UTC)
    assert running.deadline_at == running.work_began_at + timedelta(seconds=granted)
    steps.watch()
    steps.finish(job_id)


def test_a_second_attempt_gets_no_time_of_its_own(steps: Steps, faults: Faults, unused: InTurn) -> None:
    name = unused.vm()
    faults.plant_fault("RelocateVM_Task", "FileLocked", at="50%", which=Entities(entity=name))
    job_id = ask(name, 90)
    first = steps.run(job_id).deadline_at
    second = steps.run_again(job_id)
    assert (second.state, second.deadline_at) == (JobState.SUCCEEDED, first)


def test_one_that_runs_too_long_is_cancelled_and_failed_when_vcenter_has_stopped(
    steps: Steps, faults: Faults, unused: InTurn
) -> None:
    name = unused.vm("slow")
    job_id = ask(name, None)
    with faults.stalled("slow", "50MB/s"):
        steps.submit(job_id)
        assert sweeping.stop_what_is_to_stop("sweeper") == 0, "its time is not over"
        rows.pass_deadline(job_id)
        assert sweeping.stop_what_is_to_stop("sweeper") == 2, "told, and rung for"
        assert rows.job(job_id).state is JobState.RUNNING
        steps.stop(job_id)
        steps.watch()
    is_over(steps.finish(job_id), "its time was over at", "RequestCanceled", "is still on slow")
    assert [it.outcome for it in rows.attempts(job_id)] == ["failed"]
    assert steps.ledger(name)["cancelled"] == 1


def test_one_that_comes_to_its_end_meanwhile_has_succeeded(steps: Steps, unused: InTurn) -> None:
    job_id = ask(unused.vm(), None)
    steps.submit(job_id)
    rows.pass_deadline(job_id)
    sweeping.stop_what_is_to_stop("sweeper")
    steps.watch()
    assert steps.finish(job_id).state is JobState.SUCCEEDED


def test_one_that_waits_too_long_for_its_first_task_is_given_up(steps: Steps, unused: InTurn) -> None:
    name = unused.vm()
    job_id = ask(name, None)
    rows.pass_deadline(job_id)
    assert sweeping.stop_what_is_to_stop("sweeper") == 1
    is_over(rows.job(job_id), "nothing of it could begin until", "waiting for a worker", "asked for nothing")
    assert steps.started(name) == 0


def test_one_that_a_worker_is_about_to_begin_is_not_given_up(steps: Steps, unused: InTurn) -> None:
    job_id = ask(unused.vm(), None)
    assert claim_to_submit(job_id, "worker")
    rows.pass_deadline(job_id)
    assert sweeping.stop_what_is_to_stop("sweeper") == 0
    assert steps.take_over(job_id).state is JobState.SUCCEEDED


def test_one_that_waits_for_its_next_attempt_when_its_time_is_over(
    steps: Steps, faults: Faults, unused: InTurn
) -> None:
    name = unused.vm()
    faults.plant_fault("RelocateVM_Task", "FileLocked", at="50%", which=Entities(entity=name))
    job_id = ask(name, None)
    assert steps.run(job_id).state is JobState.QUEUED
    rows.pass_deadline(job_id)
    assert sweeping.stop_what_is_to_stop("sweeper") == 1
    is_over(rows.job(job_id), "its time was over at", "is still on old")
