"""Every SQL statement about what jobs that are over may have left behind."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.orm import Session

from app.inventory.models import VCenter

WITH_LEFTOVERS = text(
    """
    SELECT id FROM job WHERE id = ANY(CAST(:ids AS uuid[])) AND (
        EXISTS (SELECT FROM volume v WHERE v.moved_by = job.id)
        OR EXISTS (SELECT FROM transfer t JOIN transfer earlier ON earlier.created_at <= COALESCE(t.finished_at, now())
                   WHERE t.job_id = job.id AND earlier.cleared_at IS NULL)
        OR (EXISTS (SELECT FROM outside_task o
                    WHERE o.job_id = job.id AND o.command #>> '{command,kind}' = 'create-worker')
            AND EXISTS (SELECT FROM vcenter c WHERE c.id = job.system_id
                        AND (c.workers_listed_at IS NULL OR c.workers_listed_at <= job.finished_at
                             OR CAST(job.id AS text) = ANY(c.workers_of_jobs)))))
    """
)
"""Jobs that have a mark on a volume, a copy that is not cleared away, or a worker VM, as far as anybody knows.

A copy that was cleared away is remembered for as long as one that was begun before it was over is not: whoever clears
that one away has to see whose the file at its target is by now. That there is no worker VM is believed when all of
them were listed after the job had ended; those of a vCenter that is not known any more, nobody removes.
"""


def with_leftovers(session: Session, job_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the jobs, which are over, that may have left something behind."""
    return set(session.scalars(WITH_LEFTOVERS, {"ids": list(job_ids)}))


def now(session: Session) -> datetime:
    """Return the database's time."""
    return session.execute(select(func.now())).scalar_one()


def save_worker_jobs(session: Session, vcenter_id: UUID, listed_at: datetime, job_ids: Collection[UUID]) -> None:
    """Write down which jobs had a worker VM when the listing of all of them began, unless a later one is known."""
    older = or_(VCenter.workers_listed_at.is_(None), VCenter.workers_listed_at < listed_at)
    session.execute(
        update(VCenter)
        .where(VCenter.id == vcenter_id, older)
        .values(workers_listed_at=listed_at, workers_of_jobs=sorted(str(job_id) for job_id in job_ids))
    )
