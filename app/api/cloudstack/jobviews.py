"""A job as the API shows it: CloudStack's keys, and ours that say more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.keys import Caller
from app.access.queries import account_names
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.ownership import DOMAIN, DOMAIN_ID
from app.api.cloudstack.shapes import Field, Shape
from app.api.cloudstack.virtual_machines import VIRTUAL_MACHINE
from app.api.cloudstack.volumes import VOLUME
from app.api.jobparts import ShownAttempt, ShownEvent, places_in_line
from app.errors import VrelocateError
from app.inventory.queries import Page, VirtualMachineFilter, VolumeFilter, list_vms, list_volumes
from app.jobs.models import Job
from app.jobs.states import TERMINAL, JobState, cloudstack_status
from app.migration.told import ToldStep

DISKS = "migrateddisks"
"""Key, inside the entity of a success, of what became of each disk."""


@dataclass(frozen=True)
class ShownJob:
    """A job and what its rendering needs of other tables."""

    job: Job
    account: str | None
    entity: Content | None
    """The VM or volume of a success, rendered."""
    attempts: list[ShownAttempt] | None = None
    events: list[ShownEvent] | None = None
    place: int | None = None
    """In the line for the slot that it waits for, from 1."""

    @property
    def over(self) -> bool:
        """Say whether the job has ended."""
        return self.job.state in TERMINAL

    @property
    def result_code(self) -> int:
        """Return 0 while it is live and after a success, the error's code after a failure."""
        if not self.over or self.job.state is JobState.SUCCEEDED:
            return 0
        return self.job.error_code or VrelocateError.code

    @property
    def result(self) -> Content | None:
        """Return `jobresult`: there as soon as the job is over; exactly one key after a success."""
        if not self.over:
            return None
        if self.job.state is JobState.SUCCEEDED:
            return {_kind(self.job): self.entity}
        return {"errorcode": self.result_code, "errortext": self.job.error_text or ""}


STEP = Shape[ToldStep](
    "steps",
    (
        Field("number", "integer", "from 1; what cleans up comes after the program", lambda step: step.number),
        Field("doing", "string", "what it does, in words: relocating", lambda step: step.doing),
        Field("state", "string", "waiting, intended, queued, running, success, error, …", lambda step: step.state),
        Field("cleaning", "boolean", "true if it cleans up after one that failed", lambda step: step.cleaning or None),
        Field("tries", "integer", "how often it was asked for", lambda step: step.tries),
        Field("progress", "integer", "percent", lambda step: step.progress),
        Field("task", "string", "vCenter's own name of its task", lambda step: step.reference),
        Field("fault", "string", "the fault that ended it", lambda step: step.fault),
        Field("message", "string", "the fault in words", lambda step: step.message),
        Field("stopasked", "date", "when vCenter was asked to cancel it", lambda step: step.stop_asked),
        Field("stoprefused", "string", "why it cannot be cancelled", lambda step: step.stop_refused),
        Field("began", "date", "when it was first asked for", lambda step: step.began),
        Field("ended", "date", "when it ended", lambda step: step.ended),
    ),
)


def _of_attempt(name: str, kind: str, description: str, attribute: str) -> Field[ShownAttempt]:
    return Field(name, kind, description, lambda shown: getattr(shown.attempt, attribute))


ATTEMPT = Shape[ShownAttempt](
    "attempts",
    (
        _of_attempt("number", "integer", "from 1", "number"),
        _of_attempt("worker", "string", "the worker that began it", "worker"),
        _of_attempt("strategy", "string", "what moved the data", "strategy"),
        _of_attempt("started", "date", "when it began", "started_at"),
        _of_attempt("ended", "date", "when it ended", "ended_at"),
        _of_attempt("outcome", "string", "how it ended", "outcome"),
        _of_attempt("fault", "string", "the fault that ended it", "fault"),
        _of_attempt("faultclass", "string", "what that kind of fault calls for", "fault_class"),
        _of_attempt("message", "string", "the fault in words", "message"),
        _of_attempt("bytes", "long", "what it has brought to its target; absent where nobody knows", "bytes"),
        Field("tasks", "list", "vCenter's own names of its tasks, in order", lambda shown: shown.tasks or None),
        Field("steps", "list", "what the strategy does, one after another", lambda shown: _each(STEP, shown.steps)),
    ),
)

EVENT = Shape[ShownEvent](
    "asyncjobevents",
    (
        Field("at", "date", "when", lambda shown: shown.event.at),
        Field("actor", "string", "who: user:<id>, or the name of a worker", lambda shown: shown.event.actor),
        Field("account", "string", "the name of the user's key", lambda shown: shown.key),
        Field("kind", "string", "what", lambda shown: shown.event.kind),
        Field("fromstate", "string", "the state before", lambda shown: shown.event.from_state),
        Field("tostate", "string", "the state after", lambda shown: shown.event.to_state),
        Field("detail", "object", "more about it", lambda shown: shown.event.detail),
    ),
)


JOB = Shape[ShownJob](
    "asyncjobs",
    (
        Field("jobid", "string", "the ID of the job", lambda shown: shown.job.id),
        Field("accountid", "string", "the account id that executed the command", lambda shown: shown.job.account_id),
        Field("account", "string", "that account: the name of its key", lambda shown: shown.account),
        Field("domainid", "string", "the domain that executed the command", lambda _: DOMAIN_ID),
        Field("domainpath", "string", "the path of that domain", lambda _: DOMAIN),
        Field("userid", "string", "the user that executed the command", lambda shown: shown.job.user_id),
        Field("cmd", "string", "the command executed", lambda shown: shown.job.command),
        Field(
            "jobstatus",
            "integer",
            "0 in progress, 1 succeeded, 2 failed or cancelled",
            lambda shown: cloudstack_status(shown.job.state),
        ),
        Field("jobprocstatus", "integer", "the progress of the job, percent", lambda shown: shown.job.progress),
        Field("jobresultcode", "integer", "0, or the code of the failure", lambda shown: shown.result_code),
        Field("jobresulttype", "string", "object", lambda shown: "object" if shown.over else None),
        Field("jobresult", "responseobject", "the VM or volume, or the failure", lambda shown: shown.result),
        Field("jobinstancetype", "string", "what the job is about", lambda shown: shown.job.resource_type),
        Field("jobinstanceid", "string", "the ID of what the job is about", lambda shown: shown.job.resource_id),
        Field("created", "date", "the created date of the job", lambda shown: shown.job.created_at),
        Field("completed", "date", "the completed date of the job", lambda shown: shown.job.finished_at),
        # Ours: CloudStack's clients pass over keys that they do not know.
        Field("state", "string", "queued, submitting, running, verifying, …", lambda shown: shown.job.state),
        Field("phase", "string", "what is going on, in words", lambda shown: shown.job.phase),
        Field("progress", "integer", "percent", lambda shown: shown.job.progress),
        Field("attempt", "integer", "number of the newest attempt", lambda shown: shown.job.attempt),
        Field("maxattempts", "integer", "the attempts that it may have", lambda shown: shown.job.max_attempts),
        Field("priority", "integer", "its rank in every line, higher goes first", lambda shown: shown.job.priority),
        Field("waitingfor", "string", "the slot that it waits for", lambda shown: shown.job.waiting_for),
        Field("placeinline", "integer", "its place in the line for that slot, from 1", lambda shown: shown.place),
        Field(
            "nextrunat",
            "date",
            "when a queued job is due",
            lambda shown: shown.job.next_run_at if shown.job.state is JobState.QUEUED else None,
        ),
        Field("timeout", "integer", "seconds that vCenter may work on it", lambda shown: shown.job.timeout_seconds),
        Field("deadline", "date", "when it is stopped", lambda shown: None if shown.over else shown.job.deadline_at),
        Field("stopwish", "string", "why it is to stop: cancel, deadline", lambda shown: shown.job.stop_wish),
        Field("stopwished", "date", "since when", lambda shown: shown.job.stop_wished_at),
        Field("stopwishedby", "string", "who wishes it", lambda shown: shown.job.stop_wished_by),
        Field("attempts", "list", "with details=attempts", lambda shown: _each(ATTEMPT, shown.attempts)),
        Field("events", "list", "with details=events", lambda shown: _each(EVENT, shown.events)),
    ),
)


def show(session: Session, jobs: Iterable[Job], caller: Caller) -> list[ShownJob]:
    """Return jobs with what their rendering needs, at a fixed number of statements for any number of jobs."""
    jobs = list(jobs)
    succeeded = [job for job in jobs if job.state is JobState.SUCCEEDED]
    accounts = {caller.account_id: caller.key_name}
    others = {job.account_id for job in jobs} - accounts.keys()
    if others:
        accounts |= account_names(session, others)
    entities = _entities(session, succeeded)
    standing = places_in_line(session, jobs)
    return [
        ShownJob(
            job,
            accounts.get(job.account_id),
            entities[job.id] if job.state is JobState.SUCCEEDED else None,
            place=standing.get(job.id),
        )
        for job in jobs
    ]


def _entities(session: Session, succeeded: list[Job]) -> dict[UUID, Content]:
    """Return the rendered entity of each succeeded job, the disks that it moved inside."""
    ids: dict[str, set[UUID]] = {VOLUME.name: set(), VIRTUAL_MACHINE.name: set()}
    for job in succeeded:
        ids[_kind(job)].add(_entity_id(job))
    rendered: dict[UUID, dict[str, object]] = {}
    if ids[VOLUME.name]:
        volumes, _ = list_volumes(session, VolumeFilter(ids=ids[VOLUME.name], removed=True), Page())
        rendered |= {view.volume.id: VOLUME.render(view) for view in volumes}
    if ids[VIRTUAL_MACHINE.name]:
        vms, _ = list_vms(session, VirtualMachineFilter(ids=ids[VIRTUAL_MACHINE.name], removed=True), Page())
        rendered |= {view.vm.id: VIRTUAL_MACHINE.render(view) for view in vms}
    # A vCenter that was taken out of vrelocate takes its inventory along; the job still says what it did.
    return {
        job.id: {"id": _entity_id(job), **rendered.get(_entity_id(job), {}), DISKS: _result(job).get("disks", [])}
        for job in succeeded
    }


def _each(shape: Shape[Any], rows: Iterable[Any] | None) -> list[Content] | None:
    return None if rows is None else [shape.render(row) for row in rows]


def _result(job: Job) -> dict[str, Any]:
    return job.result or {}


def _kind(job: Job) -> str:
    """Return the one key of a success: `volume` or `virtualmachine`."""
    kind: str = _result(job)["kind"]
    return kind


def _entity_id(job: Job) -> UUID:
    return UUID(_result(job)["id"])
