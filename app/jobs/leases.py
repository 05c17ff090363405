"""Who holds a job: claim, renewal, and the fence that makes every later write safe (law 2).

A claim is one UPDATE: it sets owner and expiry and adds one to the fence. Each write that follows says
`WHERE fence = :mine`, so a worker that was paused for a minute and lost the job changes nothing and learns it
(`LostLease`). All times are PostgreSQL's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from app.db import Json, transaction
from app.errors import LostLease, VrelocateError
from app.jobs import queries
from app.jobs.models import Job, JobEvent
from app.jobs.states import HELD, TERMINAL, JobState, is_legal
from app.settings import settings
from app.telemetry import logger

log = logger(__name__)


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a job, good until its lease runs out."""

    job_id: UUID
    owner: str
    fence: int


class IllegalMove(VrelocateError):
    """A state change that the table of legal moves does not have: a bug, refused before it is written."""


def claim_to_submit(job_id: UUID, owner: str) -> Claim | None:
    """Take a job that is due, or that a dead worker left while submitting; `None` when there is nothing to take."""
    return _claim(job_id, owner, queries.CLAIM_TO_SUBMIT, JobState.SUBMITTING)


def claim_to_finish(job_id: UUID, owner: str) -> Claim | None:
    """Take a job whose outside task is over, or that a dead worker left while verifying; `None` otherwise."""
    return _claim(job_id, owner, queries.CLAIM_TO_FINISH, JobState.VERIFYING)


def _claim(job_id: UUID, owner: str, statement: Any, state: JobState) -> Claim | None:  # noqa: ANN401  # a TextClause
    with transaction() as session:
        row = session.execute(
            statement, {"job_id": job_id, "owner": owner, "lease_seconds": settings().lease_seconds}
        ).one_or_none()
        if row is None:
            return None
        record_event(session, job_id, owner, "claimed", before=JobState(row.previous_state), after=state)
        return Claim(job_id=job_id, owner=owner, fence=row.fence)


def renew(claim: Claim) -> None:
    """Extend the lease; raises `LostLease` when the job is another worker's by now."""
    with transaction() as session:
        done = session.execute(
            queries.RENEW,
            {"job_id": claim.job_id, "fence": claim.fence, "lease_seconds": settings().lease_seconds},
        )
        if done.rowcount == 0:  # type: ignore[attr-defined]  # a text UPDATE's result is a CursorResult
            raise LostLease(f"job {claim.job_id} is no longer held by {claim.owner}")


def in_force(claim: Claim) -> Callable[[], None]:
    """Return what raises `LostLease` unless the claim is in force now, for two thirds of a lease at least.

    It costs a look at a clock, which goes on while the process or the whole machine sleeps; and a renewal when that
    says that the last one is a while ago.
    """
    renewed_at: float | None = None

    def require() -> None:
        nonlocal renewed_at
        while renewed_at is None or wakeless_seconds() - renewed_at > settings().lease_seconds / 3:
            asked_at = wakeless_seconds()
            renew(claim)
            renewed_at = asked_at

    return require


def wakeless_seconds() -> float:
    """Return a clock that goes on while this process, or the whole machine, sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@contextmanager
def kept_alive(claim: Claim) -> Iterator[None]:
    """Renew the lease at a third of its length for as long as the block runs.

    A lease that cannot be renewed is not an error here: the next fenced write tells.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(settings().lease_seconds / 3):
            try:
                renew(claim)
            except LostLease:
                return
            except Exception:  # the database may be away for a while; the lease may still hold when it is back
                log.warning("lease.renewal_failed", job_id=str(claim.job_id), exc_info=True)

    thread = threading.Thread(target=beat, name=f"lease-{claim.job_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def move(  # each optional field is a column of the job
    session: Session,
    claim: Claim,
    after: JobState,
    *,
    kind: str,
    detail: Json | None = None,
    **columns: Any,  # noqa: ANN401  # the job's own columns, typed in the model
) -> None:
    """Take a held job from its state to `after`, set `columns`, and write the history line, all under the fence.

    Raises `LostLease` when the claim is stale, `IllegalMove` when the states do not follow each other.
    """
    _move(session, held(session, claim), claim.owner, after, kind=kind, detail=detail, columns=columns)


def move_unheld(
    session: Session,
    job: Job,
    by: str,
    after: JobState,
    *,
    kind: str,
    detail: Json | None = None,
    **columns: Any,  # noqa: ANN401  # the job's own columns, typed in the model
) -> None:
    """Do the same for `by` with a job that nobody holds, and whose row is locked (`queries.lock_known_job`)."""
    _move(session, job, by, after, kind=kind, detail=detail, columns=columns)


def _move(
    session: Session, job: Job, by: str, after: JobState, *, kind: str, detail: Json | None, columns: dict[str, Any]
) -> None:
    before = job.state
    if not is_legal(before, after):
        raise IllegalMove(f"job {job.id}: {before} cannot be followed by {after}")
    # What a job waits for is true only while it waits.
    columns = {"waiting_for": None} | columns | {"state": after, "updated_at": func.now()}
    if after not in HELD:
        columns |= {"lease_owner": None, "lease_expires_at": None}
    if after in TERMINAL:
        columns |= {"finished_at": func.now()}
    if after is JobState.QUEUED and job.stop_wish is not None:
        # It waits for nothing: whoever claims it next ends it.
        columns |= {"next_run_at": func.now()}
    session.execute(update(Job).where(Job.id == job.id).values(**columns))
    record_event(session, job.id, by, kind, before=before, after=after, detail=detail)


def held(session: Session, claim: Claim) -> Job:
    """Lock the job's row for the rest of the transaction and return it; raises `LostLease` when the claim is stale."""
    job = queries.lock_job(session, claim.job_id)
    if job is None or job.fence != claim.fence or job.lease_owner != claim.owner:
        raise LostLease(f"job {claim.job_id} is no longer held by {claim.owner}")
    return job


def record_event(
    session: Session,
    job_id: UUID,
    actor: str,
    kind: str,
    *,
    before: JobState | None = None,
    after: JobState | None = None,
    detail: Json | None = None,
) -> None:
    """Write one line of a job's history."""
    session.add(JobEvent(job_id=job_id, actor=actor, kind=kind, from_state=before, to_state=after, detail=detail or {}))
