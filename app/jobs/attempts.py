"""Attempts: begin one, end one, and decide whether another follows."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.jobs import queries
from app.jobs.leases import Claim, held
from app.jobs.models import Attempt
from app.limits import Limits


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed: for the record, for the client, and for the decision whether to try again."""

    fault: str
    """Its name, as vSphere or our own error tree calls it."""
    fault_class: str
    message: str
    code: int = 530
    """CloudStack's error code."""
    retryable: bool = False


def begin(session: Session, claim: Claim) -> Attempt:
    """Return the attempt that a dead worker left open, or begin the next one."""
    job = held(session, claim)
    attempt = queries.open_attempt(session, claim.job_id)
    if attempt is None:
        job.attempt += 1
        attempt = Attempt(job_id=job.id, number=job.attempt, worker=claim.owner)
        session.add(attempt)
        session.flush()
    return attempt


def end(attempt: Attempt, outcome: str, failure: Failure | None = None, *, moved_bytes: int | None = None) -> None:
    """End an attempt, and say how, and what it has brought to where it was to go."""
    attempt.ended_at = func.now()
    attempt.outcome = outcome
    attempt.bytes = moved_bytes
    if failure is not None:
        attempt.fault, attempt.fault_class, attempt.message = failure.fault, failure.fault_class, failure.message


def backoff_seconds(attempt: int, bounds: Limits) -> float:
    """Return how long to wait after the failure of attempt number `attempt`.

    Doubles from the base to the ceiling; a random half of it is jitter, so that jobs which failed together
    do not come back together.
    """
    # 2**32 times any base is past every ceiling: no need to compute with huge powers.
    doubled: float = bounds.retry_base_seconds * 2.0 ** min(attempt - 1, 32)
    whole = min(doubled, bounds.retry_ceiling_seconds)
    return whole * (0.5 + 0.5 * random.random())  # noqa: S311  # jitter is no secret
