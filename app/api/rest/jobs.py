"""`/api/v1/jobs`: lists with filters and cursors, one job, its attempts and its history; cancel and retry."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import StringConstraints
from sqlalchemy.orm import Session

from app.access.keys import Caller
from app.access.queries import key_named
from app.api.jobparts import show_attempts, show_events
from app.api.rest.cursors import CURSOR_PATTERN, cursor_of, position_of
from app.api.rest.job_schemas import (
    AttemptList,
    AttemptOut,
    EventOut,
    EventPage,
    JobOut,
    JobPage,
)
from app.api.rest.moments import Moment
from app.api.rest.responses import UNCHANGED, problems
from app.api.rest.serving import Route, who_may
from app.api.rest.shown import known_job, shown_job, shown_jobs
from app.db import transaction
from app.errors import NotFound
from app.jobs.history import JobFilter, events_past, jobs_past
from app.jobs.states import JobState
from app.jobs.stopping import StopWish, wish_stop
from app.migration.retry import retry

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=Route)

MOST = 500
_Text = Annotated[str, StringConstraints(max_length=200, pattern="^[^\\x00]*$")]
"""PostgreSQL holds no text with a zero byte."""
_Id = Annotated[UUID, Path(description="The job's id")]
_Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at the most")]
_Looks = Annotated[Caller, Depends(who_may("listAsyncJobs"))]
_LAST_EVENT = 2**63 - 1


@router.get("", summary="List jobs, the newest first", responses=problems(404, 422))
def list_jobs(
    _caller: _Looks,
    *,
    state: Annotated[list[JobState] | None, Query(description="Only jobs in one of these states")] = None,
    command: Annotated[_Text | None, Query(description="Only jobs whose command has this in it")] = None,
    resource_type: Annotated[
        Literal["VirtualMachine", "Volume"] | None, Query(description="Only jobs about such")
    ] = None,
    resource_id: Annotated[UUID | None, Query(description="Only jobs about this VM or volume")] = None,
    account: Annotated[_Text | None, Query(description="Only jobs of the key of this name")] = None,
    created_after: Annotated[Moment | None, Query(description="Only jobs created then or later")] = None,
    created_before: Annotated[Moment | None, Query(description="Only jobs created then or earlier")] = None,
    limit: _Limit = 50,
    cursor: Annotated[
        str | None, Query(pattern=CURSOR_PATTERN, description="Go on where a page before has ended: its `next_cursor`")
    ] = None,
) -> JobPage:
    """Return one page; it is as quick at a million jobs as at ten, however deep in the list."""
    with transaction() as session:
        wanted = JobFilter(
            states=state,
            since=created_after,
            until=created_before,
            account_id=_account_id(session, account),
            resource_type=resource_type,
            resource_id=resource_id,
            keyword=command,
            past=position_of(cursor) if cursor else None,
        )
        jobs, more = jobs_past(session, wanted, limit)
        return JobPage(items=shown_jobs(session, jobs), next_cursor=cursor_of(more) if more else None)


@router.get("/{job_id}", summary="One job", responses={**UNCHANGED, **problems(404, 422)})
def get(_caller: _Looks, job_id: _Id) -> JobOut:
    """Return a job as it stands."""
    return shown_job(job_id)


@router.get("/{job_id}/attempts", summary="A job's attempts", responses=problems(404, 422))
def list_attempts(_caller: _Looks, job_id: _Id) -> AttemptList:
    """Return every attempt with its steps: which strategy, which tasks of vCenter, which fault, how many bytes."""
    with transaction() as session:
        known_job(session, job_id)
        return AttemptList(items=[AttemptOut.of(shown) for shown in show_attempts(session, job_id)])


@router.get("/{job_id}/events", summary="A job's history", responses=problems(404, 422))
def list_events(
    _caller: _Looks,
    job_id: _Id,
    *,
    limit: _Limit = 100,
    cursor: Annotated[int, Query(ge=0, le=_LAST_EVENT, description="Go on where a page before has ended")] = 0,
) -> EventPage:
    """Return who did what and when, from which state to which, in order."""
    with transaction() as session:
        known_job(session, job_id)
        events, more = events_past(session, job_id, cursor, limit)
        items = [EventOut.of(shown) for shown in show_events(session, events)]
        return EventPage(items=items, next_cursor=more)


@router.post("/{job_id}/cancel", status_code=202, summary="Cancel a job", responses=problems(404, 409, 422))
def cancel(caller: Annotated[Caller, Depends(who_may("cancelAsyncJob"))], job_id: _Id) -> JobOut:
    """Cancel a job: one that waits at once, one that runs as soon as vCenter has stopped.

    A move that wins the race has succeeded. To cancel what is cancelled changes nothing.
    """
    wish_stop(job_id, StopWish.CANCEL, f"user:{caller.user_id}")
    return shown_job(job_id)


@router.post("/{job_id}/retry", status_code=202, summary="Try a job again", responses=problems(404, 409, 422))
def try_again(caller: Annotated[Caller, Depends(who_may("retryAsyncJob"))], job_id: _Id) -> JobOut:
    """Put a job that has failed or was cancelled back in line; only what is left is moved.

    One that is live already is left as it is.
    """
    retry(job_id, f"user:{caller.user_id}")
    return shown_job(job_id)


def _account_id(session: Session, name: str | None) -> UUID | None:
    if name is None:
        return None
    key = key_named(session, name)
    if key is None:
        raise NotFound(f"account: no key is named {name!r}")
    return key.account_id
