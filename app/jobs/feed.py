"""What happens to all jobs, line by line, as it is committed: for whoever follows along and must not miss a line.

The lines of `job_event` are numbered when they are written, and seen when they are committed: a line may appear after
others with higher numbers. Whoever asked for "everything past the highest number that I know" would miss it. So a
reader remembers which numbers it has passed over, and looks for these too, until their transaction cannot be alive any
more. What it remembers goes into the text that it hands to its client, which so can read on anywhere, at any process.

Of one job no line can come late: each is written by whoever holds the job's row locked.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.db import TRANSACTION_SECONDS
from app.jobs.models import Job, JobEvent
from app.jobs.states import TERMINAL

UNSETTLED_SECONDS = 4 * TRANSACTION_SECONDS
"""A line whose transaction began longer ago than this is committed or gone, and so is whatever was numbered before it.

Its number was given within one transaction's time, those before it earlier; each of these is over after another one.
"""
MOST_MISSING = 100
"""How many numbers are looked for at once: more than as many processes can have on their way."""

_OVERLAP_SECONDS = 2
"""What changed within this time is looked at again: changes may be committed after later ones."""

CURSOR_PATTERN = r"^[0-9]{1,18}(~[0-9]{1,18}(\.[0-9]{1,18}){0,99})?$"
"""Every text that looks like this can be meant."""
_CURSOR = re.compile(CURSOR_PATTERN)


@dataclass(frozen=True)
class Seen:
    """How far a reader has come."""

    last: int = 0
    """The highest number that it has seen."""
    missing: frozenset[int] = field(default_factory=frozenset)
    """Lower ones that it has not, and that may still come."""

    @classmethod
    def of(cls, cursor: str) -> Self:
        """Read what `text` wrote; raises `ValueError` for anything else."""
        if not _CURSOR.fullmatch(cursor):
            raise ValueError(f"not a place in the history: {cursor!r}")
        last, _, missing = cursor.partition("~")
        return cls(int(last), frozenset(int(number) for number in missing.split(".") if missing))

    @property
    def text(self) -> str:
        """What a client hands back to read on from here."""
        if not self.missing:
            return str(self.last)
        return f"{self.last}~{'.'.join(str(number) for number in sorted(self.missing))}"

    def past(self, event: JobEvent, *, unsettled_since: datetime) -> Seen:
        """Return how far a reader has come that has seen this line too."""
        if event.id <= self.last:
            return Seen(self.last, self.missing - {event.id})
        between = range(max(self.last + 1, event.id - MOST_MISSING), event.id) if event.at > unsettled_since else ()
        return Seen(event.id, frozenset(sorted({*self.missing, *between})[-MOST_MISSING:]))


@dataclass(frozen=True)
class Progress:
    """How far a job has come."""

    job_id: UUID
    state: str
    phase: str
    percent: int
    zone_id: UUID | None = None


def latest(session: Session) -> Seen:
    """Return how far somebody has come who is interested in what happens from now on."""
    last = session.scalars(select(func.max(JobEvent.id))).one() or 0
    newest = range(max(1, last - MOST_MISSING + 1), last + 1)
    there = set(session.scalars(select(JobEvent.id).where(JobEvent.id >= newest.start)))
    return Seen(last, frozenset(newest) - there)


def read_on(session: Session, seen: Seen, limit: int) -> list[tuple[JobEvent, Seen]]:
    """Return the next lines of all jobs, those that come late first, each with how far it brings the reader."""
    unsettled_since = _now(session) - timedelta(seconds=UNSETTLED_SECONDS)
    seen = _without_settled(session, seen, unsettled_since)
    wanted = JobEvent.id > seen.last
    if seen.missing:
        wanted = or_(wanted, JobEvent.id.in_(seen.missing))
    lines = session.scalars(select(JobEvent).where(wanted).order_by(JobEvent.id).limit(limit))
    told = []
    for line in lines:
        seen = seen.past(line, unsettled_since=unsettled_since)
        told.append((line, seen))
    return told


def read_on_about(session: Session, job_id: UUID, seen: Seen, limit: int) -> list[tuple[JobEvent, Seen]]:
    """Return the next lines of one job."""
    lines = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.id > seen.last).order_by(JobEvent.id)
    return [(line, Seen(line.id)) for line in session.scalars(lines.limit(limit))]


def visible_jobs(session: Session, job_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the jobs that there are for whoever is served (`app.visibility`)."""
    return set(session.scalars(select(Job.id).where(Job.id.in_(job_ids))))


def progress_since(session: Session, moment: datetime | None) -> tuple[list[Progress], datetime]:
    """Return how far each live job has come that was changed since then, and the moment to ask from next time.

    That moment lies a little before the newest change: others may have been made before it, and committed later.
    """
    query = select(Job.id, Job.state, Job.phase, Job.progress, Job.zone_id).where(Job.state.not_in(TERMINAL))
    rows = session.execute(query if moment is None else query.where(Job.updated_at > moment)).all()
    next_time = _now(session) - timedelta(seconds=_OVERLAP_SECONDS)
    return [Progress(row.id, row.state, row.phase, row.progress, row.zone_id) for row in rows], next_time


def _without_settled(session: Session, seen: Seen, unsettled_since: datetime) -> Seen:
    """Forget the missing numbers before a line that is settled: their transactions were rolled back, or forgotten."""
    if not seen.missing:
        return seen
    between = (JobEvent.id > min(seen.missing), JobEvent.id <= seen.last, JobEvent.at <= unsettled_since)
    settled = session.scalars(select(func.max(JobEvent.id)).where(*between)).one() or 0
    return Seen(seen.last, frozenset(number for number in seen.missing if number > settled))


def _now(session: Session) -> datetime:
    return session.scalars(select(func.now())).one().astimezone(UTC)
