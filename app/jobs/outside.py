"""Work that an outside system does for a job: intended, submitted, followed, settled.

Law 3: `intend` commits before the call is made. A row in the state `intended` without a reference means that the call
may or may not have been carried out; whoever claims the job next must look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.db import Json, transaction
from app.jobs import leases, queries
from app.jobs.leases import Claim
from app.jobs.models import Job, OutsideTask
from app.jobs.states import JobState, TaskState
from app.limits import limits


@dataclass(frozen=True)
class Ending:
    """How an outside task ended, as the watcher or a look found it."""

    state: TaskState
    fault: str | None = None
    fault_class: str | None = None
    message: str | None = None


def intend(claim: Claim, attempt: int, sequence: int, system_id: UUID, command: Json) -> UUID:
    """Write down what is about to be asked of the outside system; returns the new row's id."""
    with transaction() as session:
        leases.held(session, claim)
        task = OutsideTask(
            job_id=claim.job_id, attempt=attempt, sequence=sequence, system_id=system_id, command=command
        )
        session.add(task)
        session.flush()
        leases.record_event(session, claim.job_id, claim.owner, "intended", detail={"command": command})
        return task.id


def submitted(claim: Claim, task_id: UUID, reference: str, *, adopted: bool = False) -> None:
    """Write down the reference of the task that the outside system began; the job runs from here on, held by nobody."""
    with transaction() as session:
        job = leases.held(session, claim)
        task = session.get_one(OutsideTask, task_id)
        task.reference = reference
        task.state = TaskState.QUEUED
        task.submitted_at = func.now()
        task.adopted = adopted
        kind = "adopted" if adopted else "submitted"
        _begins(session, job)
        leases.move(
            session,
            claim,
            JobState.RUNNING,
            kind=kind,
            detail={"task": reference},
            phase="queued by vCenter",
            progress=0,
        )
        # The watcher may be between two looks: the sweep needs not wait for a bell that was meant for the submission.
        job.rung_at = None


def carried(session: Session, claim: Claim, task_id: UUID, phase: str) -> None:
    """Let the job run whose outside task our own workers carry out: it has no reference, and nobody watches it."""
    _begins(session, leases.held(session, claim))
    task = session.get_one(OutsideTask, task_id)
    task.state = TaskState.QUEUED
    task.submitted_at = func.now()
    leases.move(session, claim, JobState.RUNNING, kind="carried", detail={}, phase=phase, progress=0, rung_at=None)


def _begins(session: Session, job: Job) -> None:
    """Let the job's time run from the first time that something works for it."""
    if job.work_began_at is None:
        seconds = limits(session).job_timeout_seconds if job.timeout_seconds is None else job.timeout_seconds
        job.work_began_at, job.deadline_at = func.now(), func.now() + timedelta(seconds=seconds)


def settle(session: Session, task_id: UUID, ending: Ending) -> UUID | None:
    """Write down how a task ended; returns its job's id, or `None` when it was settled before."""
    return session.execute(
        queries.SETTLE_TASK,
        {
            "id": task_id,
            "state": ending.state.value,
            "fault": ending.fault,
            "fault_class": ending.fault_class,
            "message": ending.message,
        },
    ).scalar_one_or_none()
