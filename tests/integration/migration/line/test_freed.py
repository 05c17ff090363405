"""Slots and space are there exactly as long as their job needs them, whenever a worker dies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.db import transaction
from app.jobs.models import Job, Slot
from app.jobs.states import HELD, TERMINAL, JobState
from app.migration import admission, queries
from app.migration.models import SpaceReservation
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.line.crowd import Crowd
from tests.integration.migration.steps import NOTHING_TAKEN, Killed, Steps
from tests.integration.migration.steps import admission as taken

pytestmark = pytest.mark.integration

MOST_ROUNDS = 10


@contextmanager
def dying(edge: str, at: int) -> Iterator[list[int]]:
    """Let whoever commits for the n-th time in this thread die in the midst of it; gives the commits that were seen."""
    thread, seen = threading.get_ident(), [0]

    def dies(_session: Session) -> None:
        if threading.get_ident() == thread:
            seen[0] += 1
            if seen[0] == at:
                raise Killed

    event.listen(Session, edge, dies)
    try:
        yield seen
    finally:
        event.remove(Session, edge, dies)


def strays() -> list[UUID]:
    with transaction() as session:
        return queries.jobs_with_strays(session)


def to_the_end(steps: Steps, job_id: UUID) -> Job:
    for _ in range(MOST_ROUNDS):
        job = rows.job(job_id)
        if job.state in TERMINAL:
            return job
        if job.state in HELD:
            rows.lapse_lease(job_id)
        rows.make_due(job_id)
        steps.run(job_id, "next worker")
    raise AssertionError(f"it does not end: {rows.kinds(job_id)}")


@pytest.mark.parametrize("edge", ["before_commit", "after_commit"])
@pytest.mark.parametrize("step", ["submit", "finish"])
def test_whenever_a_worker_dies_nothing_is_held_for_longer_than_the_job(
    steps: Steps, unused: InTurn, step: str, edge: str
) -> None:
    """Before and after each of its commits: whatever is written, slots are written with it."""
    name, goals = unused.vm(), ("new", "old")
    for at in count(1):
        job_id = steps.ask_vm(name, goals[at % 2 - 1])
        if step == "finish":
            steps.submit(job_id)
            steps.watch()
        with dying(edge, at) as seen, suppress(Killed):
            getattr(steps, step)(job_id)
        assert strays() == []
        assert to_the_end(steps, job_id).state is JobState.SUCCEEDED
        assert taken() == NOTHING_TAKEN
        if seen[0] < at:
            break
    assert at > 3, "a step commits more than once"
    assert known.vm(name).removed_at is None


def test_what_a_job_must_not_hold_is_freed_by_the_sweep(crowd: Crowd) -> None:
    """Somebody has ended a job by hand, past everything that frees what it holds."""
    over, back, running = crowd.comes(target=1), crowd.comes(target=2), crowd.comes(target=3)
    assert crowd.settles() == [over, back, running]
    waiting = crowd.comes(target=1)
    assert crowd.settles() == []
    _by_hand(over, "state = 'failed', finished_at = now(), error_code = 530, error_text = 'by hand'")
    _by_hand(back, "state = 'queued', next_run_at = now() + interval '1 hour'")
    assert strays() == sorted([over, back])
    assert admission.free_strays() == 2
    assert strays() == []
    assert crowd.settles() == [waiting], "who waits for it gets it at once"
    with transaction() as session:
        left = {it.job_id for kind in (Slot, SpaceReservation) for it in session.query(kind)}
    assert left == {running, waiting}
    assert admission.free_strays() == 0


def _by_hand(job_id: UUID, changes: str) -> None:
    rows._change(f"UPDATE job SET {changes}, lease_owner = NULL, lease_expires_at = NULL WHERE id = :id", job_id)
