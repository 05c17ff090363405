"""vCenter says no: at once or half-way, for now or for good; and says yes without having done anything."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from app.db import transaction
from app.jobs.states import JobState
from tests.integration import known
from tests.integration.jobs import rows
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission

pytestmark = pytest.mark.integration

MOST_ATTEMPTS = 3
BASE_SECONDS = 100.0


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {
        **environment,
        "VRELOCATE_RETRY_MAX_ATTEMPTS": str(MOST_ATTEMPTS),
        "VRELOCATE_RETRY_BASE_SECONDS": str(BASE_SECONDS),
    }


def waits_seconds(job_id: UUID) -> float:
    """How long it is until the next attempt."""
    with transaction() as session:
        wait = text("SELECT extract(epoch FROM next_run_at - now()) FROM job WHERE id = :id")
        return float(session.scalars(wait, {"id": job_id}).one())


def outcomes(job_id: UUID) -> list[tuple[str | None, str | None]]:
    return [(attempt.outcome, attempt.fault) for attempt in rows.attempts(job_id)]


def test_a_relocation_that_fails_half_way_is_tried_again(steps: Steps) -> None:
    job_id = steps.ask_vm("locked-once", "new")
    job = steps.run(job_id)
    assert job.state is JobState.QUEUED
    assert outcomes(job_id) == [("retried", "FileLocked")]
    assert "attempt 1 failed (FileLocked): trying again in" in job.phase
    assert BASE_SECONDS / 2 - 30 < waits_seconds(job_id) <= BASE_SECONDS
    assert admission() == NOTHING_TAKEN
    [attempt] = rows.attempts(job_id)
    assert "is still on old" in (attempt.message or "")
    assert steps.submit(job_id).state is JobState.QUEUED, "its time has not come"

    job = steps.run_again(job_id)
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert outcomes(job_id) == [("retried", "FileLocked"), ("succeeded", None)]
    assert [(task.attempt, task.state, task.fault) for task in rows.tasks(job_id)] == [
        (1, "error", "FileLocked"),
        (2, "success", None),
    ]
    assert job.result is not None
    assert [(disk["from"], disk["to"]) for disk in job.result["disks"]] == [("old", "new")]
    # What did not arrive counts nothing, however much of it was copied.
    assert [attempt.bytes for attempt in rows.attempts(job_id)] == [0, job.result["disks"][0]["bytes"]]
    assert steps.ledger("locked-once") == {"started": 2, "succeeded": 1, "failed": 1, "cancelled": 0, "overlapping": 0}


def test_a_detached_disk_that_fails_half_way_is_tried_again(steps: Steps) -> None:
    path = "[old] loose/locked-once.vmdk"
    job_id = steps.ask_disk(path, "new")
    assert steps.run(job_id).state is JobState.QUEUED
    assert steps.run_again(job_id).state is JobState.SUCCEEDED
    assert outcomes(job_id) == [("retried", "FileLocked"), ("succeeded", None)]
    assert steps.started(path) == 2


def test_a_call_that_is_refused_for_now_is_made_again(steps: Steps) -> None:
    job_id = steps.ask_vm("refused-once", "new")
    job = steps.submit(job_id)
    assert (job.state, outcomes(job_id)) == (JobState.QUEUED, [("retried", "FileLocked")])
    [task] = rows.tasks(job_id)
    assert (task.state, task.reference) == ("abandoned", None)
    assert rows.attempts(job_id)[0].bytes == 0
    assert steps.run_again(job_id).state is JobState.SUCCEEDED
    assert steps.started("refused-once") == 1


def test_a_fault_that_will_not_pass_ends_the_job(steps: Steps) -> None:
    job_id = steps.ask_vm("unsupported", "new")
    job = steps.run(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, 530)
    assert outcomes(job_id) == [("failed", "NotSupported")]
    assert "(NotSupported)" in (job.error_text or "")
    assert "disk unsupported is still on old" in (job.error_text or "")
    assert "the configuration of VM unsupported is still on old" in (job.error_text or "")
    assert admission() == NOTHING_TAKEN


def test_a_call_that_is_forbidden_ends_the_job(steps: Steps) -> None:
    job_id = steps.ask_vm("forbidden", "new")
    job = steps.submit(job_id)
    assert (job.state, outcomes(job_id)) == (JobState.FAILED, [("failed", "NoPermission")])
    assert "NoPermission" in (job.error_text or "")
    assert steps.started("forbidden") == 0
    assert admission() == NOTHING_TAKEN


def test_a_job_is_not_tried_for_ever(steps: Steps) -> None:
    job_id = steps.ask_vm("locked-always", "new")
    states = [steps.run(job_id).state, *(steps.run_again(job_id).state for _ in range(MOST_ATTEMPTS - 1))]
    assert states == [JobState.QUEUED, JobState.QUEUED, JobState.FAILED]
    assert outcomes(job_id) == [("retried", "FileLocked")] * 2 + [("failed", "FileLocked")]
    assert [attempt.number for attempt in rows.attempts(job_id)] == [1, 2, 3]
    assert (rows.job(job_id).error_text or "").endswith("(after 3 attempts)")
    assert steps.started("locked-always") == MOST_ATTEMPTS


def test_a_vm_that_only_seems_to_have_moved_has_failed(plain_steps: Steps) -> None:
    """Law 4 against a vCenter that nobody here wrote: plain vcsim says "success" and leaves the disks."""
    name, target = "DC0_C0_RP0_VM0", "LocalDS_1"
    [disk] = known.disks(name)
    assert disk.pool.name == "LocalDS_0"
    job_id = plain_steps.ask_vm(name, target)
    job = plain_steps.run(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, 530)
    assert (job.error_text or "").startswith(f"vCenter reports success, but disk {disk.name} is still on LocalDS_0")
    assert outcomes(job_id) == [("failed", "DisksNotMoved")]
    assert rows.tasks(job_id)[0].state == "success"
    assert known.disks(name)[0].pool.name == "LocalDS_0"
    assert admission() == NOTHING_TAKEN
