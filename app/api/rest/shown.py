"""Jobs as several operations show them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.queries import account_names
from app.api.jobparts import places_in_line
from app.api.rest.job_schemas import JobOut
from app.db import transaction
from app.errors import NotFound
from app.jobs.models import Job
from app.jobs.queries import get_job


def shown_job(job_id: UUID) -> JobOut:
    """Return a job as it stands; raises `NotFound`."""
    with transaction() as session:
        (shown,) = shown_jobs(session, [known_job(session, job_id)])
        return shown


def known_job(session: Session, job_id: UUID) -> Job:
    """Return a job's row; raises `NotFound`."""
    job = get_job(session, job_id)
    if job is None:
        raise NotFound(f"there is no job {job_id}: GET /api/v1/jobs lists those that exist")
    return job


def shown_jobs(session: Session, jobs: Iterable[Job]) -> list[JobOut]:
    """Return jobs as clients see them, at a fixed number of statements for any number of jobs."""
    jobs = list(jobs)
    accounts = account_names(session, {job.account_id for job in jobs}) if jobs else {}
    places = places_in_line(session, jobs)
    return [JobOut.of(job, account=accounts.get(job.account_id), place=places.get(job.id)) for job in jobs]
