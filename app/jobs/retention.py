"""Forgetting: jobs that were over long ago go, with their attempts, outside tasks and histories.

Any number of workers may forget at once: each locks a few jobs, passing over those that somebody else has locked, and
deletes them in the same transaction. The locks go by an index over the times at which jobs ended, so it costs as much
as there is to be forgotten, however much is kept. What refers to a job goes with it (ON DELETE CASCADE).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

LOCK_OLD = text(
    """
    SELECT id, finished_at FROM job
    WHERE finished_at < now() - make_interval(days => :days)
      AND (finished_at, id) > (CAST(:ended_at AS timestamptz), CAST(:id AS uuid))
      AND NOT EXISTS (SELECT FROM outside_task t WHERE t.job_id = job.id AND t.settled_at IS NULL)
    ORDER BY finished_at, id LIMIT :most FOR UPDATE SKIP LOCKED
    """
)
"""Only a job that is over has the time at which it ended. Nothing works for such a job; one row more to look at."""

FORGET = text("DELETE FROM job WHERE id = ANY(CAST(:ids AS uuid[]))")


@dataclass(frozen=True)
class Place:
    """A place in the order in which jobs ended."""

    ended_at: datetime | str
    id: UUID


BEGINNING = Place("-infinity", UUID(int=0))


def lock_old(session: Session, days: int, after: Place, most: int) -> list[Place]:
    """Lock at most `most` jobs that ended `days` ago or earlier, and behind `after`; returns their places in order."""
    rows = session.execute(LOCK_OLD, {"days": days, "ended_at": after.ended_at, "id": after.id, "most": most})
    return [Place(ended_at=row.finished_at, id=row.id) for row in rows]


def forget(session: Session, job_ids: Collection[UUID]) -> None:
    """Delete jobs that the transaction has locked, and everything that is known of them."""
    session.execute(FORGET, {"ids": list(job_ids)})
