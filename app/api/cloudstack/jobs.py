"""Jobs: `queryAsyncJobResult`, `listAsyncJobs`; `listAsyncJobEvents`, `cancelAsyncJob`, `retryAsyncJob` are ours."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.keys import Caller
from app.access.queries import key_named
from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.jobviews import EVENT, JOB, show
from app.api.cloudstack.ownership import OWNER, OWNER_ID, key_of_account
from app.api.cloudstack.paging import KEYWORD, PAGING, listing, page_of
from app.api.cloudstack.parameters import Arguments, Kind, Parameter, invalid_value, unknown_id
from app.api.jobparts import show_attempts, show_events
from app.db import transaction
from app.errors import InvalidParameter
from app.jobs.history import JobFilter, list_events, list_jobs
from app.jobs.models import Job
from app.jobs.queries import events_of, get_job, newest_job_of
from app.jobs.states import JobState, cloudstack_status
from app.jobs.stopping import StopWish, wish_stop
from app.migration.retry import retry

POLL, _LIST, _CANCEL, _RETRY = "queryAsyncJobResult", "listAsyncJobs", "cancelAsyncJob", "retryAsyncJob"
_LIST_EVENTS = "listAsyncJobEvents"
_JOB = Parameter("jobid", Kind.UUID, "the ID of the asynchronous job", required=True)
_ATTEMPTS, _EVENTS = "attempts", "events"
_RESOURCE_TYPES = {name.lower(): name for name in ("Volume", "VirtualMachine")}


@command(
    POLL,
    "Retrieves the current status of asynchronous job.",
    response=JOB,
    parameters=(
        Parameter("jobid", Kind.UUID, "the ID of the asynchronous job"),
        Parameter("resourcetype", Kind.STRING, "Volume or VirtualMachine: with resourceid, instead of jobid"),
        Parameter("resourceid", Kind.UUID, "the volume or VM whose newest job is meant"),
        Parameter("details", Kind.LIST, f"{_ATTEMPTS} (with their steps), {_EVENTS}: tell these too"),
    ),
)
def query_async_job_result_command(call: Call) -> Content:
    """Answer `queryAsyncJobResult`."""
    details = set(call.arguments.texts("details") or ())
    if details - {_ATTEMPTS, _EVENTS}:
        raise invalid_value(POLL, "details", ",".join(sorted(details)))
    with transaction() as session:
        job = _job_asked_for(session, call.arguments)
        (shown,) = show(session, [job], call.caller)
        if _ATTEMPTS in details:
            shown = replace(shown, attempts=show_attempts(session, job.id))
        if _EVENTS in details:
            shown = replace(shown, events=show_events(session, events_of(session, job.id)))
        return JOB.render(shown)


@command(
    _LIST,
    "Lists asynchronous jobs, those in progress and those that are over, newest first.",
    response=JOB,
    parameters=(
        Parameter("startdate", Kind.DATE, "only jobs created since then"),
        Parameter("enddate", Kind.DATE, "only jobs created until then"),
        Parameter("account", Kind.STRING, "only jobs of that account: the name of a key"),
        KEYWORD,
        Parameter("resourcetype", Kind.STRING, "only jobs about a Volume, or a VirtualMachine"),
        Parameter("resourceid", Kind.UUID, "with resourcetype: only jobs about that volume or VM"),
        Parameter("jobstatus", Kind.INTEGER, "only jobs in progress (0), succeeded (1), failed or cancelled (2)"),
        Parameter("state", Kind.LIST, "only jobs in these states: queued, running, succeeded, …"),
        *PAGING,
    ),
)
def list_async_jobs_command(call: Call) -> Content:
    """Answer `listAsyncJobs`; `count` is exact up to a limit (`app.jobs.history.list_jobs`)."""
    asked = call.arguments
    page, states = page_of(asked), _states(asked)
    resource_type, resource_id = _resource_type(_LIST, asked), asked.uuid("resourceid")
    if resource_id is not None and resource_type is None:
        raise InvalidParameter("resourceid needs resourcetype: Volume or VirtualMachine")
    with transaction() as session:
        wanted = JobFilter(
            states=states,
            since=asked.moment("startdate"),
            until=asked.moment("enddate"),
            account_id=_account_id(session, asked.text("account")),
            resource_type=resource_type,
            resource_id=resource_id,
            keyword=asked.text("keyword"),
        )
        jobs, count = list_jobs(session, wanted, limit=page.limit, offset=page.offset)
        return listing(JOB.name, [JOB.render(shown) for shown in show(session, jobs, call.caller)], count)


@command(
    _LIST_EVENTS,
    "Lists what happened to an asynchronous job, in order: who did what and when, from which state to which.",
    response=EVENT,
    parameters=(_JOB, *PAGING),
)
def list_async_job_events_command(call: Call) -> Content:
    """Answer `listAsyncJobEvents`."""
    page, job_id = page_of(call.arguments), call.arguments.required_uuid(_JOB.name)
    with transaction() as session:
        _job(session, _LIST_EVENTS, job_id)
        events, count = list_events(session, job_id, limit=page.limit, offset=page.offset)
        return listing(EVENT.name, [EVENT.render(shown) for shown in show_events(session, events)], count)


@command(
    _CANCEL,
    "Cancels an asynchronous job: one that waits at once, one that runs as soon as vCenter has stopped",
    response=JOB,
    parameters=(_JOB,),
)
def cancel_async_job_command(call: Call) -> Content:
    """Answer `cancelAsyncJob`: write the wish down, and show the job."""
    job_id = _known(_CANCEL, call.arguments)
    wish_stop(job_id, StopWish.CANCEL, f"user:{call.caller.user_id}")
    return _shown(_CANCEL, job_id, call.caller)


@command(
    _RETRY,
    "Tries an asynchronous job again that has failed or was cancelled; only what is left is moved",
    response=JOB,
    parameters=(_JOB,),
)
def retry_async_job_command(call: Call) -> Content:
    """Answer `retryAsyncJob`: put the job back in line, and show it."""
    job_id = _known(_RETRY, call.arguments)
    retry(job_id, f"user:{call.caller.user_id}")
    return _shown(_RETRY, job_id, call.caller)


def _known(name: str, asked: Arguments) -> UUID:
    job_id = asked.required_uuid(_JOB.name)
    with transaction() as session:
        _job(session, name, job_id)
    return job_id


def _shown(name: str, job_id: UUID, caller: Caller) -> Content:
    with transaction() as session:
        (shown,) = show(session, [_job(session, name, job_id)], caller)
        return JOB.render(shown)


def _job(session: Session, name: str, job_id: UUID) -> Job:
    job = get_job(session, job_id)
    if job is None:
        raise unknown_id(name, _JOB.name, job_id)
    return job


def _job_asked_for(session: Session, asked: Arguments) -> Job:
    job_id, resource_id, resource_type = asked.uuid("jobid"), asked.uuid("resourceid"), asked.text("resourcetype")
    if job_id:
        return _job(session, POLL, job_id)
    if not resource_id or not resource_type:
        raise InvalidParameter("Either jobid, or both resourcetype and resourceid, must be specified")
    known_type = _resource_type(POLL, asked) or resource_type
    job = newest_job_of(session, known_type, resource_id)
    if job is None:
        raise InvalidParameter(f"Unable to find a job of the {known_type} with id={resource_id}")
    return job


def _resource_type(name: str, asked: Arguments) -> str | None:
    resource_type = asked.text("resourcetype")
    if not resource_type:
        return None
    known_type = _RESOURCE_TYPES.get(resource_type.lower())
    if known_type is None:
        raise invalid_value(name, "resourcetype", resource_type)
    return known_type


def _states(asked: Arguments) -> set[JobState] | None:
    """Return the states that `state` and `jobstatus` both allow; `None` when neither is given."""
    names, status = asked.texts("state"), asked.number("jobstatus")
    if not names and status is None:
        return None
    try:
        states = {JobState(name.lower()) for name in names or JobState}
    except ValueError:
        raise invalid_value(_LIST, "state", ",".join(names or ())) from None
    if status is None:
        return states
    of_status = {state for state in JobState if cloudstack_status(state) == status}
    if not of_status:
        raise invalid_value(_LIST, "jobstatus", status)
    return states & of_status


def _account_id(session: Session, name: str | None) -> UUID | None:
    if name is None:
        return None
    if name == OWNER and key_named(session, name) is None:
        return OWNER_ID
    return key_of_account(session, name).account_id


COMMANDS = (
    query_async_job_result_command,
    list_async_jobs_command,
    list_async_job_events_command,
    cancel_async_job_command,
    retry_async_job_command,
)
