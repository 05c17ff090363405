"""The history of jobs as clients ask for it: lists that stay fast at a million jobs, and what happened to one of them.

Every filter is served by an index that has the jobs in the order in which they are listed, so that a page reads about
as many rows as it shows. Where a filter allows several states or kinds of jobs, the first ones of each are read in that
order, and put together: one condition with all of them would make PostgreSQL sort, or look through, everything.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, func, literal, select, text, tuple_, union_all
from sqlalchemy.orm import Session

from app.jobs.models import Job, JobEvent
from app.jobs.states import JobState

COUNTED = 10_000
"""How many jobs are counted one by one: to count a million takes long, and nobody looks at every page of them."""

KINDS = text(
    """
    WITH RECURSIVE kind AS (
        (SELECT resource_type, command FROM job ORDER BY resource_type, command LIMIT 1)
        UNION ALL
        SELECT following.resource_type, following.command FROM kind, LATERAL (
            SELECT resource_type, command FROM job
            WHERE (resource_type, command) > (kind.resource_type, kind.command)
            ORDER BY resource_type, command LIMIT 1) AS following)
    SELECT resource_type, command FROM kind
    """
)
"""Which commands there are jobs of, and about what: one look into the index for each, however many jobs there are."""


class Position(NamedTuple):
    """Where a job stands in a list, the newest first."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """What a list of jobs can be narrowed by; `None` narrows nothing."""

    states: Collection[JobState] | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Created at these moments, or between them."""
    account_id: UUID | None = None
    resource_type: str | None = None
    resource_id: UUID | None = None
    keyword: str | None = None
    """A part of the command's name, in any case."""
    past: Position | None = None
    """Only what comes after it in the list: whoever reads on from a job's position misses none and sees none twice,
    however many jobs were made or forgotten meanwhile."""


Branch = Select[Any]
"""Times and ids of some jobs, the newest first."""


def list_jobs(session: Session, wanted: JobFilter, *, limit: int | None, offset: int = 0) -> tuple[list[Job], int]:
    """Return one page of jobs, the newest first, and how many there are.

    The number is exact up to `COUNTED`. Beyond that it says that there are more: it is never less than `COUNTED` + 1,
    and never less than what this page and those before it show, plus one if more follow. So whoever asks for one page
    after the other until they have as many as the number says gets all of them.
    """
    branches = branches_of(session, wanted)
    jobs = list(session.scalars(page_of(branches, limit, offset))) if branches else []
    if not branches or limit is None or (len(jobs) < limit and (jobs or not offset)):
        return jobs, offset + len(jobs) if jobs else 0
    return jobs, session.scalars(count_of(branches, max(COUNTED, offset + limit) + 1)).one()


def jobs_past(session: Session, wanted: JobFilter, limit: int) -> tuple[list[Job], Position | None]:
    """Return the first jobs that are meant, the newest first, and the position to read on from if there are more."""
    branches = branches_of(session, wanted)
    jobs = list(session.scalars(page_of(branches, limit + 1, 0))) if branches else []
    more = len(jobs) > limit
    return jobs[:limit], Position(jobs[limit - 1].created_at, jobs[limit - 1].id) if more else None


def branches_of(session: Session, wanted: JobFilter) -> list[Branch]:
    """Return what selects the jobs that are meant, each branch others; none when there can be no such jobs."""
    kinds: Sequence[tuple[str, str] | None] = [None]
    if wanted.resource_id is None and (wanted.keyword or wanted.resource_type):
        kinds = _kinds(session, wanted)
    states: Sequence[JobState | None] = sorted(set(JobState if wanted.states is None else wanted.states))
    if len(states) == len(JobState) and kinds == [None] and wanted.account_id is None:
        states = [None]  # the indexes on accounts and kinds go by state, this one does not
    if wanted.resource_id is not None:
        types = {wanted.resource_type} if wanted.resource_type else {kind for kind, _ in _kinds(session, JobFilter())}
        return [_branch(replace(wanted, resource_type=kind), None, None) for kind in sorted(types)]
    return [_branch(wanted, state, kind) for state, kind in product(states, kinds)]


def page_of(branches: Sequence[Branch], limit: int | None, offset: int) -> Select[Job]:
    """Return what selects the jobs of a page: those before it are passed over in the index, and not read."""
    found = _first(branches, None if limit is None else offset + limit)
    newest_first = (found.c.created_at.desc(), found.c.id.desc())
    page = select(found).order_by(*newest_first).limit(limit).offset(offset).subquery()
    return select(Job).join(page, page.c.id == Job.id).order_by(page.c.created_at.desc(), page.c.id.desc())


def count_of(branches: Sequence[Branch], most: int) -> Select[int]:
    """Return what counts the jobs up to `most`."""
    return select(func.count()).select_from(select(_first(branches, most)).limit(most).subquery())


def _first(branches: Sequence[Branch], most: int | None) -> Subquery:
    """Return the newest `most` jobs of each branch."""
    limited = [branch.limit(most) for branch in branches]
    return limited[0].subquery() if len(limited) == 1 else union_all(*limited).subquery()


def _kinds(session: Session, wanted: JobFilter) -> list[tuple[str, str]]:
    """Return each resource type and command that is meant."""
    keyword = (wanted.keyword or "").lower()
    return [
        (row.resource_type, row.command)
        for row in session.execute(KINDS)
        if keyword in row.command.lower() and wanted.resource_type in {None, row.resource_type}
    ]


def _branch(wanted: JobFilter, state: JobState | None, kind: tuple[str, str] | None) -> Branch:
    conditions: list[ColumnElement[bool]] = []
    if state is not None:
        conditions.append(Job.state == state)
    if kind is not None:
        conditions += [Job.resource_type == kind[0], Job.command == kind[1]]
    if wanted.resource_id is not None:
        conditions += [Job.resource_type == wanted.resource_type, Job.resource_id == wanted.resource_id]
        # Of one resource there are few: they are looked through.
        if wanted.states is not None:
            conditions.append(Job.state.in_(wanted.states))
        if wanted.keyword:
            conditions.append(Job.command.icontains(wanted.keyword, autoescape=True))
    if wanted.account_id is not None:
        conditions.append(Job.account_id == wanted.account_id)
    if wanted.since is not None:
        conditions.append(Job.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Job.created_at <= wanted.until)
    if wanted.past is not None:
        at, job_id = literal(wanted.past.created_at, Job.created_at.type), literal(wanted.past.id, Job.id.type)
        conditions.append(tuple_(Job.created_at, Job.id) < tuple_(at, job_id))
    newest_first = (Job.created_at.desc(), Job.id.desc())
    branch: Branch = select(Job.created_at, Job.id).where(*conditions).order_by(*newest_first)  # type: ignore[assignment]  # its types need not be known
    return branch


def list_events(session: Session, job_id: UUID, *, limit: int | None, offset: int = 0) -> tuple[list[JobEvent], int]:
    """Return one page of a job's history in order, and how many lines it has."""
    of_job = JobEvent.job_id == job_id
    lines = select(JobEvent).where(of_job).order_by(JobEvent.id).limit(limit).offset(offset)
    return list(session.scalars(lines)), session.scalars(select(func.count()).where(of_job)).one()


def events_past(session: Session, job_id: UUID, past: int, limit: int) -> tuple[list[JobEvent], int | None]:
    """Return the first lines of a job's history after the one with the id `past`, and the id to read on from."""
    lines = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.id > past).order_by(JobEvent.id).limit(limit + 1)
    events = list(session.scalars(lines))
    return events[:limit], events[limit - 1].id if len(events) > limit else None
