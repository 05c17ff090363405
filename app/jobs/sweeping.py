"""What was forgotten is found again: due jobs whose bell was lost, and jobs whose worker died (law 1).

Any number of sweepers may run: rows are taken with SKIP LOCKED and marked, so one of them has each. It does them itself
as far as its hands reach, and rings for the others: nothing waits for a broker that is away.
The cost does not grow with finished jobs: every statement is served by a partial index over live ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.db import transaction
from app.jobs import line, queries
from app.jobs.queue import Step, ring
from app.jobs.stopping import ASK_AGAIN_SECONDS, stop_overdue
from app.settings import settings

_MOST = 200
"""Rows a statement takes at the most: the next sweep takes the rest."""

_FORGOTTEN = (
    (line.RING_QUEUED, Step.SUBMIT),
    (queries.RING_LEFT_SUBMITTING, Step.SUBMIT),
    (queries.RING_ENDED, Step.FINISH),
    (queries.RING_LEFT_VERIFYING, Step.FINISH),
)


Hands = Callable[[Step, Sequence[UUID]], Sequence[UUID]]
"""Takes jobs to do that step, the first ones first, without waiting; returns those that there is no hand for."""


def no_hands(_step: Step, job_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Leave all of it to the bell."""
    return job_ids


def ring_forgotten(hands: Hands = no_hands) -> int:
    """Have every job looked at that should be: by `hands`, or by whoever hears the bell; returns how many."""
    rung = 0
    for statement, step in _FORGOTTEN:
        with transaction() as session:
            found: list[UUID] = list(
                session.execute(statement, {"most": _MOST, "quiet_seconds": settings().lease_seconds}).scalars()
            )
        ring(step, hands(step, found))
        rung += len(found)
    return rung


def stop_what_is_to_stop(by: str, hands: Hands = no_hands) -> int:
    """Stop the jobs whose time is over, and see to those whose stop nobody has asked for yet; returns how many."""
    overdue = stop_overdue(_MOST, by)
    with transaction() as session:
        found: list[UUID] = list(
            session.execute(queries.RING_STOPPING, {"most": _MOST, "again_seconds": ASK_AGAIN_SECONDS}).scalars()
        )
    ring(Step.STOP, hands(Step.STOP, found))
    return overdue + len(found)


def hurry_waiting(slots: Callable[[Session], Mapping[str, int]]) -> int:
    """Ring for those in line for whom slots stand free, and who are not due yet; returns how many.

    `slots` says, in the same transaction, how many there are of each resource whose line is to be looked at. Any number
    may do this at once.
    """
    with transaction() as session:
        hurried = line.call_up(session, slots(session))
    ring(Step.SUBMIT, hurried)
    return len(hurried)
