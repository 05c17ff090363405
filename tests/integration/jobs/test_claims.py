"""Law 2: one holder at a time, and the fence that keeps whoever was paused from writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.db import transaction
from app.errors import LostLease
from app.jobs import attempts, leases, outside
from app.jobs.leases import Claim, claim_to_finish, claim_to_submit
from app.jobs.outside import Ending
from app.jobs.states import JobState, TaskState
from tests.integration.jobs.at_once import at_once
from tests.integration.jobs.rows import NOBODY, everything_of, history, job, lapse_lease, make_due, new_job

pytestmark = pytest.mark.integration


def claimed(owner: str = "first", **columns: object) -> Claim:
    claim = claim_to_submit(new_job(**columns), owner)
    assert claim is not None
    return claim


def move(claim: Claim, after: JobState, **columns: Any) -> None:  # noqa: ANN401  # the job's own columns
    with transaction() as session:
        leases.move(session, claim, after, kind="test", **columns)


def running(*, settled: bool = True) -> Claim:
    """A job whose vCenter task has been submitted, and has ended."""
    claim = claimed()
    with transaction() as session:
        attempts.begin(session, claim)
    task_id = outside.intend(claim, 1, 0, NOBODY, {})
    outside.submitted(claim, task_id, "task-1")
    if settled:
        with transaction() as session:
            outside.settle(session, task_id, Ending(TaskState.SUCCESS))
    return claim


def test_of_sixteen_workers_that_want_a_job_one_gets_it() -> None:
    job_id = new_job()
    claims = [claim for claim in at_once(16, lambda n: claim_to_submit(job_id, f"worker-{n}")) if claim]
    assert len(claims) == 1
    held = job(job_id)
    assert (held.state, held.lease_owner, held.fence) == (JobState.SUBMITTING, claims[0].owner, 1)
    assert held.started_at is not None
    assert [event.kind for event in history(job_id)] == ["claimed"]


def test_of_sixteen_workers_that_find_a_dead_ones_job_one_gets_it() -> None:
    job_id = claimed("dead").job_id
    lapse_lease(job_id)
    claims = [claim for claim in at_once(16, lambda n: claim_to_submit(job_id, f"worker-{n}")) if claim]
    assert [claim.fence for claim in claims] == [2]
    assert job(job_id).lease_owner == claims[0].owner


def test_of_sixteen_workers_that_could_finish_a_job_one_does() -> None:
    job_id = running().job_id
    claims = [claim for claim in at_once(16, lambda n: claim_to_finish(job_id, f"worker-{n}")) if claim]
    assert [claim.fence for claim in claims] == [2]
    assert job(job_id).state is JobState.VERIFYING


@pytest.mark.parametrize(
    "columns",
    [
        {"next_run_at": text("now() + interval '1 hour'")},
        {"state": JobState.RUNNING},
        {"state": JobState.SUBMITTING, "lease_owner": "x", "lease_expires_at": text("now() + interval '1 minute'")},
        {"state": JobState.SUCCEEDED, "result": {}, "finished_at": text("now()")},
        {"state": JobState.FAILED, "error_code": 530, "error_text": "no", "finished_at": text("now()")},
        {"state": JobState.CANCELLED, "error_code": 530, "error_text": "no", "finished_at": text("now()")},
    ],
    ids=["not due yet", "running", "held", "succeeded", "failed", "cancelled"],
)
def test_what_is_not_due_is_not_claimed(columns: dict[str, object]) -> None:
    job_id = new_job(**columns)
    before = everything_of(job_id)
    assert claim_to_submit(job_id, "worker") is None
    assert everything_of(job_id) == before


def test_a_bell_for_a_job_that_is_gone_claims_nothing() -> None:
    assert claim_to_submit(uuid4(), "worker") is None
    assert claim_to_finish(uuid4(), "worker") is None


def test_a_job_is_not_finished_while_vcenter_works() -> None:
    job_id = running(settled=False).job_id
    assert claim_to_finish(job_id, "worker") is None


def test_a_dead_workers_verification_is_taken_over() -> None:
    job_id = running().job_id
    assert claim_to_finish(job_id, "dead")
    assert claim_to_finish(job_id, "early") is None
    lapse_lease(job_id)
    taken = claim_to_finish(job_id, "next")
    assert taken is not None
    assert taken.fence == 3


def begin(claim: Claim) -> None:
    with transaction() as session:
        attempts.begin(session, claim)


WRITES: dict[str, Callable[[Claim], object]] = {
    "move": lambda claim: move(claim, JobState.QUEUED),
    "end": lambda claim: move(claim, JobState.FAILED, error_code=530, error_text="no"),
    "renew": leases.renew,
    "begin an attempt": begin,
    "intend": lambda claim: outside.intend(claim, 1, 0, NOBODY, {"do": "it"}),
}


@pytest.mark.parametrize("owner", ["second", "first"], ids=["another worker", "the same worker again"])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_worker_that_was_paused_changes_nothing_and_learns_it(write: Callable[[Claim], object], owner: str) -> None:
    paused = claimed("first")
    lapse_lease(paused.job_id)
    assert claim_to_submit(paused.job_id, owner)
    before = everything_of(paused.job_id)
    with pytest.raises(LostLease):
        write(paused)
    assert everything_of(paused.job_id) == before


def test_a_submission_that_somebody_else_has_taken_over_is_not_written_down() -> None:
    paused = claimed("first")
    begin(paused)
    task_id = outside.intend(paused, 1, 0, NOBODY, {})
    lapse_lease(paused.job_id)
    assert claim_to_submit(paused.job_id, "second")
    before = everything_of(paused.job_id)
    with pytest.raises(LostLease):
        outside.submitted(paused, task_id, "task-1")
    assert everything_of(paused.job_id) == before


def test_who_let_go_of_a_job_cannot_write_any_more() -> None:
    claim = claimed()
    move(claim, JobState.QUEUED)
    before = everything_of(claim.job_id)
    for write in WRITES.values():
        with pytest.raises(LostLease):
            write(claim)
    assert everything_of(claim.job_id) == before


def test_a_late_worker_that_nobody_replaced_may_go_on() -> None:
    """A lease that ran out gives others the right to take the job; while none has, the fence still stands."""
    claim = claimed()
    lapse_lease(claim.job_id)
    leases.renew(claim)
    assert claim_to_submit(claim.job_id, "other") is None
    move(claim, JobState.QUEUED)
    assert job(claim.job_id).state is JobState.QUEUED


def test_a_job_that_went_back_into_the_line_is_claimed_again_when_it_is_due() -> None:
    claim = claimed()
    move(claim, JobState.QUEUED, next_run_at=text("now() + interval '1 hour'"))
    assert claim_to_submit(claim.job_id, "second") is None
    make_due(claim.job_id)
    again = claim_to_submit(claim.job_id, "second")
    assert again is not None
    assert again.fence == claim.fence + 1


def test_the_history_says_who_took_what_from_where() -> None:
    claim = claimed("first")
    lapse_lease(claim.job_id)
    assert claim_to_submit(claim.job_id, "second")
    told = [(event.actor, event.from_state, event.to_state) for event in history(claim.job_id)]
    assert told == [("first", "queued", "submitting"), ("second", "submitting", "submitting")]
