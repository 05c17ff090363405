"""Attempts: numbered from one without gaps, one open at a time, whoever begins them."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.db import transaction
from app.jobs import attempts, leases, queries
from app.jobs.attempts import Failure
from app.jobs.leases import Claim, claim_to_submit
from app.jobs.models import Attempt
from app.jobs.states import JobState
from app.migration import outcomes
from tests.integration.jobs import rows

pytestmark = pytest.mark.integration

LOCKED = Failure("FileLocked", "retry", "the file is locked", retryable=True)


def claim(job_id: UUID, owner: str = "first") -> Claim:
    found = claim_to_submit(job_id, owner)
    assert found
    return found


def begin(claimed: Claim) -> int:
    with transaction() as session:
        return attempts.begin(session, claimed).number


def end(claimed: Claim, outcome: str, failure: Failure | None = None) -> None:
    with transaction() as session:
        attempt = queries.open_attempt(session, claimed.job_id)
        assert attempt
        attempts.end(attempt, outcome, failure)


def add(job_id: UUID, number: int, *, ended: bool = True) -> None:
    with transaction() as session:
        outcome = {"ended_at": text("now()"), "outcome": "retried"} if ended else {}
        session.add(Attempt(job_id=job_id, number=number, worker="w", **outcome))


def test_the_next_worker_goes_on_with_the_attempt_of_a_dead_one() -> None:
    first = claim(rows.new_job())
    assert begin(first) == 1
    rows.lapse_lease(first.job_id)
    assert begin(claim(first.job_id, "second")) == 1
    [attempt] = rows.attempts(first.job_id)
    assert attempt.worker == "first"


def test_a_retry_is_the_next_attempt_and_the_last_one_keeps_its_reason() -> None:
    first = claim(rows.new_job())
    begin(first)
    end(first, "retried", LOCKED)
    with transaction() as session:
        leases.move(session, first, JobState.QUEUED, kind="retried")
    second = claim(first.job_id, "second")
    assert begin(second) == 2
    end(second, "succeeded")
    told = [(it.number, it.worker, it.outcome, it.fault, it.message) for it in rows.attempts(first.job_id)]
    assert told == [(1, "first", "retried", "FileLocked", "the file is locked"), (2, "second", "succeeded", None, None)]
    assert rows.job(first.job_id).attempt == 2


def test_a_job_that_fails_before_its_first_attempt_has_none() -> None:
    claimed = claim(rows.new_job())
    outcomes.fail(claimed, LOCKED)
    assert rows.attempts(claimed.job_id) == []


def test_the_schema_refuses_a_gap() -> None:
    job_id = rows.new_job()
    add(job_id, 1)
    with pytest.raises(IntegrityError, match="fk_job_attempt_previous"):
        add(job_id, 3)
    add(job_id, 2)
    add(job_id, 3)


def test_the_schema_refuses_to_begin_in_the_middle() -> None:
    with pytest.raises(IntegrityError, match="fk_job_attempt_previous"):
        add(rows.new_job(), 2)


@pytest.mark.parametrize("number", [0, -1])
def test_the_schema_numbers_from_one(number: int) -> None:
    with pytest.raises(IntegrityError):
        add(rows.new_job(), number)


def test_the_schema_refuses_two_open_attempts() -> None:
    job_id = rows.new_job()
    add(job_id, 1, ended=False)
    with pytest.raises(IntegrityError, match="uq_job_attempt_open"):
        add(job_id, 2, ended=False)


def test_the_schema_refuses_the_same_number_twice() -> None:
    job_id = rows.new_job()
    add(job_id, 1)
    with pytest.raises(IntegrityError, match="pk_job_attempt"):
        add(job_id, 1)


def test_a_job_that_is_deleted_takes_its_attempts_along() -> None:
    job_id = rows.new_job()
    for number in (1, 2, 3):
        add(job_id, number)
    with transaction() as session:
        session.execute(text("DELETE FROM job WHERE id = :id"), {"id": job_id})
    assert rows.attempts(job_id) == []
