"""Jobs as resources: what their JSON holds."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.api.jobparts import ShownAttempt, ShownEvent
from app.errors import VrelocateError
from app.jobs.models import Job
from app.jobs.states import IN_LINE, TERMINAL, JobState


class Resource(BaseModel):
    """What a job is about."""

    type: str = Field(description="`VirtualMachine` or `Volume`")
    id: UUID


class Account(BaseModel):
    """Whose job it is."""

    id: UUID
    name: str | None = Field(description="The name of its key; null when that is not known any more")


class Waiting(BaseModel):
    """The line that a job stands in."""

    slot: str = Field(description="What it waits for: a slot of a vCenter, a host or a datastore")
    place: int | None = Field(description="Its place in that line, from 1")


class Stop(BaseModel):
    """That a job is to stop."""

    why: str = Field(description="`cancel` or `deadline`")
    by: str = Field(description="`user:<id>`, or a worker's name")
    since: datetime


class Failed(BaseModel):
    """Why a job failed, or was cancelled."""

    code: int = Field(description="CloudStack's error code")
    text: str = Field(description="What happened, where every disk is, and what to do")


class Moved(BaseModel):
    """What became of a job that succeeded."""

    disks: list[dict[str, Any]] = Field(description="Each disk: from where to where, how much, how long, verified")
    not_done: str | None = Field(default=None, description="What was left undone, though every disk is in its place")


class JobOut(BaseModel):
    """A job."""

    id: UUID
    command: str = Field(description="CloudStack's name of what was asked for: `migrateVolume`")
    state: JobState
    over: bool = Field(description="Whether it has ended: succeeded, failed or cancelled")
    phase: str = Field(description="What is going on, in words")
    progress: int = Field(description="Percent", ge=0, le=100)
    resource: Resource
    account: Account
    priority: int = Field(description="Its rank in every line; higher goes first")
    attempt: int = Field(description="The number of its newest attempt, 0 before the first")
    max_attempts: int
    waiting: Waiting | None = Field(description="While it stands in line for a slot")
    stop: Stop | None = Field(description="When somebody wishes it to stop, or its time is over")
    result: Moved | None = Field(description="After a success")
    error: Failed | None = Field(description="After a failure, or when it was cancelled")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    next_run_at: datetime | None = Field(description="While it is queued: when it is due")
    deadline_at: datetime | None = Field(description="While it is not over: when it is stopped")
    timeout_seconds: int | None = Field(description="How long vCenter may work on it; null: as the setting says")

    @classmethod
    def of(cls, job: Job, *, account: str | None, place: int | None) -> Self:
        """Return a job as clients see it."""
        over = job.state in TERMINAL
        failed = over and job.state is not JobState.SUCCEEDED
        waits = job.waiting_for is not None and job.state in IN_LINE
        return cls(
            id=job.id,
            command=job.command,
            state=job.state,
            over=over,
            phase=job.phase,
            progress=job.progress,
            resource=Resource(type=job.resource_type, id=job.resource_id),
            account=Account(id=job.account_id, name=account),
            priority=job.priority,
            attempt=job.attempt,
            max_attempts=job.max_attempts,
            waiting=Waiting(slot=job.waiting_for, place=place) if waits and job.waiting_for else None,
            stop=_stop(job),
            result=_moved(job) if job.state is JobState.SUCCEEDED else None,
            error=Failed(code=job.error_code or VrelocateError.code, text=job.error_text or "") if failed else None,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            next_run_at=job.next_run_at if job.state is JobState.QUEUED else None,
            deadline_at=None if over else job.deadline_at,
            timeout_seconds=job.timeout_seconds,
        )


def _stop(job: Job) -> Stop | None:
    if job.stop_wish is None or job.stop_wished_by is None or job.stop_wished_at is None:
        return None
    return Stop(why=job.stop_wish, by=job.stop_wished_by, since=job.stop_wished_at)


def _moved(job: Job) -> Moved:
    result = job.result or {}
    return Moved(disks=result.get("disks", []), not_done=result.get("not_done"))


class JobPage(BaseModel):
    """Some jobs, the newest first."""

    items: list[JobOut]
    next_cursor: str | None = Field(description="Where the list goes on; null at its end")


class EventOut(BaseModel):
    """A line of a job's history."""

    id: int
    job_id: UUID
    at: datetime
    actor: str = Field(description="Who: `user:<id>`, or the name of a worker")
    account: str | None = Field(description="The name of the user's key")
    kind: str = Field(description="What: `accepted`, `claimed`, `submitted`, `settled`, `finished`, …")
    from_state: str | None
    to_state: str | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, shown: ShownEvent) -> Self:
        """Return a line as clients see it."""
        event = shown.event
        return cls(
            id=event.id,
            job_id=event.job_id,
            at=event.at,
            actor=event.actor,
            account=shown.key,
            kind=event.kind,
            from_state=event.from_state,
            to_state=event.to_state,
            detail=event.detail,
        )


class ProgressOut(BaseModel):
    """How far a job has come now."""

    model_config = ConfigDict(from_attributes=True)

    job_id: UUID
    state: JobState
    phase: str
    percent: int


class EventPage(BaseModel):
    """Some lines of a job's history, in order."""

    items: list[EventOut]
    next_cursor: int | None = Field(description="Where the history goes on; null at its present end")


class StepOut(BaseModel):
    """One command of an attempt's program, or of its clean-up."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    doing: str = Field(description="`relocating`")
    state: str = Field(description="`waiting`, `intended`, `queued`, `running`, `success`, `error`, …")
    cleaning: bool = Field(description="Whether it cleans up after one that failed")
    tries: int = Field(description="How often it was asked for")
    progress: int | None = Field(description="Percent")
    task: str | None = Field(description="vCenter's own name of its task", validation_alias="reference")
    fault: str | None
    message: str | None
    began: datetime | None
    ended: datetime | None
    stop_asked: datetime | None = Field(description="When vCenter was asked to cancel it")
    stop_refused: str | None = Field(description="Why it cannot be cancelled")


class AttemptOut(BaseModel):
    """One try at a job's work."""

    number: int
    worker: str = Field(description="The worker that began it")
    strategy: str | None
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None = Field(description="`succeeded`, `retried`, `failed`, `cancelled`; null while it goes on")
    fault: str | None = Field(description="The fault that ended it, as vSphere calls it")
    fault_class: str | None = Field(description="What that kind of fault calls for")
    message: str | None
    bytes: int | None = Field(description="What it has brought to its target; null where nobody knows")
    tasks: list[str] = Field(description="vCenter's own names of its tasks, in order")
    steps: list[StepOut]

    @classmethod
    def of(cls, shown: ShownAttempt) -> Self:
        """Return an attempt as clients see it."""
        attempt = shown.attempt
        return cls(
            number=attempt.number,
            worker=attempt.worker,
            strategy=attempt.strategy,
            started_at=attempt.started_at,
            ended_at=attempt.ended_at,
            outcome=attempt.outcome,
            fault=attempt.fault,
            fault_class=attempt.fault_class,
            message=attempt.message,
            bytes=attempt.bytes,
            tasks=shown.tasks,
            steps=[StepOut.model_validate(step) for step in shown.steps],
        )


class AttemptList(BaseModel):
    """All attempts of a job, in order."""

    items: list[AttemptOut]
