"""The steps of a migration as Celery tasks. A message holds a job's id and nothing else (law 1)."""

from __future__ import annotations

from uuid import UUID

from app.jobs.queue import Step
from workers.celery_app import celery
from workers.steps import do


@celery.task(name=Step.SUBMIT.value)  # type: ignore[untyped-decorator]  # Celery has no types
def submit_job(job_id: str) -> None:
    """Take a queued job as far as vCenter's task."""
    do(Step.SUBMIT, UUID(job_id))


@celery.task(name=Step.FINISH.value)  # type: ignore[untyped-decorator]  # Celery has no types
def finish_job(job_id: str) -> None:
    """Verify and end a job whose vCenter task is over."""
    do(Step.FINISH, UUID(job_id))


@celery.task(name=Step.STOP.value)  # type: ignore[untyped-decorator]  # Celery has no types
def stop_job(job_id: str) -> None:
    """Ask vCenter to cancel what works for a job that is to stop."""
    do(Step.STOP, UUID(job_id))
