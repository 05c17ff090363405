"""Stopping a job: somebody wishes it, or its time is over; what is at work is asked to stop, and waited for (law 5).

A wish is written into the job's row. A queued job, for which nothing is at work, ends with it in the same transaction.
In any other state the job goes on until nothing works for it any more: the stop step asks the outside system to cancel
its task, the steps of the job begin nothing that takes long, and how it ends is told by looking, as always. A success
that wins the race is a success.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.access import audit
from app.db import transaction
from app.errors import InvalidParameter, VrelocateError
from app.jobs import queries
from app.jobs.leases import move_unheld, record_event
from app.jobs.models import Job, OutsideTask
from app.jobs.queue import Step, ring
from app.jobs.states import TERMINAL, JobState

ASK_AGAIN_SECONDS = 60.0
"""How long an outside system has time to stop a task before it is asked again: the first asking may have been lost."""


class StopWish(StrEnum):
    """Why a job is to stop."""

    CANCEL = "cancel"
    DEADLINE = "deadline"


class JobIsOver(InvalidParameter):
    """A job that has ended cannot be stopped."""


@dataclass(frozen=True)
class ToStop:
    """A task of an outside system's that is to be stopped."""

    task_id: UUID
    system_id: UUID
    reference: str | None
    """The outside system's name of it; None: our own workers carry it out."""


def wish_stop(job_id: UUID, wish: StopWish, by: str) -> JobState:
    """Write down that a job is to stop, and see to it; returns its state after that.

    A second wish changes nothing. `by` is `user:<id>`, or the worker's name. Raises `NotFound`, and `JobIsOver` for a
    job that has succeeded or failed.
    """
    with transaction() as session:
        job = queries.lock_known_job(session, job_id)
        if job.state is JobState.CANCELLED:
            return job.state
        if job.state in TERMINAL:
            raise JobIsOver(f"job {job_id} has {job.state} already: there is nothing to stop")
        if job.stop_wish is None:
            job.stop_wish, job.stop_wished_by, job.stop_wished_at = wish.value, by, func.now()
            record_event(session, job_id, by, "to be stopped", detail={"why": wish.value})
            if wish is StopWish.CANCEL:
                audit.record(session, audit.Action.CANCEL, (job.resource_type, job.resource_id), job=str(job_id))
        if job.state is JobState.QUEUED:
            _end_queued(session, job, by)
        state = job.state
    if state is JobState.RUNNING:
        ring(Step.STOP, [job_id])
    return state


def why(job: Job) -> str:
    """Return why a job is to stop, in words."""
    if job.stop_wish == StopWish.CANCEL:
        return "cancelled on request"
    if job.work_began_at is None:
        return f"nothing of it could begin until {_minute(job.deadline_at)}, when its waiting time was over"
    return f"its time was over at {_minute(job.deadline_at)}: the work had begun at {_minute(job.work_began_at)}"


def _minute(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "its deadline"


def end_of(job: Job) -> tuple[JobState, str]:
    """Return the state in which a job ends that was stopped, and the outcome of its attempt."""
    return (JobState.CANCELLED, "cancelled") if job.stop_wish == StopWish.CANCEL else (JobState.FAILED, "failed")


def last_words(session: Session, job: Job) -> str:
    """Return what the last attempt that ended said of where everything is."""
    said = [attempt.message for attempt in queries.attempts_of(session, job.id) if attempt.ended_at and attempt.message]
    return f"the attempt before said: {said[-1]}" if said else "vCenter was asked for nothing that changes anything"


def _end_queued(session: Session, job: Job, by: str) -> None:
    """End a job that nobody holds and nothing works for."""
    state, outcome = end_of(job)
    text = f"{why(job)}{_while_waiting(job)}; {last_words(session, job)}"
    attempt = queries.open_attempt(session, job.id)
    if attempt is not None:
        attempt.ended_at, attempt.outcome, attempt.message = func.now(), outcome, why(job)
    move_unheld(
        session,
        job,
        by,
        state,
        kind="finished",
        detail={"why": job.stop_wish},
        error_code=VrelocateError.code,
        error_text=text,
        phase="",
    )


def _while_waiting(job: Job) -> str:
    return f" ({job.phase})" if job.phase else ""


def take_stop(job_id: UUID) -> ToStop | None:
    """Take it upon oneself to ask for the stop of what works for a job; `None` when that is not due.

    What cleans up is not stopped, nor what only takes seconds and follows the copy: it is the way to a whole end.
    """
    with transaction() as session:
        row = session.execute(queries.TAKE_STOP, {"job_id": job_id, "again_seconds": ASK_AGAIN_SECONDS}).one_or_none()
    return None if row is None else ToStop(task_id=row.id, system_id=row.system_id, reference=row.reference)


def stop_asked(job_id: UUID, task: ToStop, by: str) -> None:
    """Write into the job's history that the outside system was asked."""
    with transaction() as session:
        record_event(session, job_id, by, "asked to stop", detail={"task": task.reference or str(task.task_id)})


def stop_refused(job_id: UUID, task: ToStop, by: str, why_not: str) -> None:
    """Write down that it cannot be stopped: its end is waited for."""
    with transaction() as session:
        session.get_one(OutsideTask, task.task_id).stop_refused = why_not
        record_event(session, job_id, by, "cannot be stopped", detail={"task": task.reference, "why": why_not})


def stop_overdue(most: int, by: str) -> int:
    """Stop live jobs whose time is over, at most `most`; returns how many. Any number may do so at once."""
    with transaction() as session:
        overdue: list[UUID] = list(session.execute(queries.OVERDUE, {"most": most}).scalars())
    for job_id in overdue:
        with suppress(JobIsOver):  # in this very moment
            wish_stop(job_id, StopWish.DEADLINE, by)
    return len(overdue)
