"""Jobs of a test are gone afterwards: on the same VM or volume there is one live job at a time."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.jobs.models import Job, JobEvent


def remove_jobs(session: Session, job_ids: Collection[UUID | str] | None = None) -> None:
    """Remove these jobs with their histories, all of them where none are named."""
    session.rollback()
    histories, jobs = delete(JobEvent), delete(Job)
    if job_ids is not None:
        ids = [UUID(str(job_id)) for job_id in job_ids]
        histories, jobs = histories.where(JobEvent.job_id.in_(ids)), jobs.where(Job.id.in_(ids))
    session.execute(histories)
    session.execute(jobs)
    session.commit()
