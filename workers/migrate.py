"""The steps of a migration as Celery tasks. A message holds a job's id and nothing else (law 1)."""

from __future__ import annotations

from uuid import UUID

from app.jobs.queue import Step
from app.migration.stop import stop
from app.migration.submit import submit
from app.migration.verify import finish
from workers.celery_app import celery
from workers.identity import worker_name


@celery.task(name=Step.SUBMIT.value)  # type: ignore[untyped-decorator]  # Celery has no types
def submit_job(job_id: str) -> None:
    """Take a queued job as far as vCenter's task."""
    submit(UUID(job_id), worker_name())


@celery.task(name=Step.FINISH.value)  # type: ignore[untyped-decorator]  # Celery has no types
def finish_job(job_id: str) -> None:
    """Verify and end a job whose vCenter task is over."""
    finish(UUID(job_id), worker_name())


@celery.task(name=Step.STOP.value)  # type: ignore[untyped-decorator]  # Celery has no types
def stop_job(job_id: str) -> None:
    """Ask vCenter to cancel what works for a job that is to stop."""
    stop(UUID(job_id), worker_name())
