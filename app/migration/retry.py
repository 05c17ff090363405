"""Trying a job again by hand: one that failed or was cancelled gets a new attempt, which moves only what is left."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError

from app.access.audit import Action, record
from app.db import transaction
from app.errors import InvalidParameter, LiveJobExists
from app.jobs import queries
from app.jobs.leases import move_unheld
from app.jobs.queue import Step, ring
from app.jobs.states import JobState
from app.limits import limits
from app.migration.accept import WAITS_FOR_WORKER, require_meaning, wait_until, zone_of
from app.migration.plan import subject_of
from app.migration.requests import request_from_json

_AGAIN = {JobState.FAILED, JobState.CANCELLED}


class CannotRetry(InvalidParameter):
    """Only a job that has failed or was cancelled can be tried again."""


def retry(job_id: UUID, by: str) -> None:
    """Put a job back in line, with as many further attempts as a new one has, and all the time of a new one.

    A job that is live already is left as it is. What it is to move is looked up anew: a volume may have been attached
    to a VM meanwhile. Raises `NotFound` when the job, the VM, a volume, a pool or the wanted disk offering is gone,
    `CannotRetry` for one that has succeeded, and `LiveJobExists` while another job works on the same VM or volume.
    """
    try:
        with transaction() as session:
            job = queries.lock_known_job(session, job_id)
            if job.state is JobState.SUCCEEDED:
                raise CannotRetry(f"job {job_id} has succeeded: there is nothing to try again")
            if job.state not in _AGAIN:
                return
            request = request_from_json(job.payload)
            require_meaning(session, request)
            subject = subject_of(session, request)
            live = queries.live_job_on(session, subject)
            if live is not None:
                raise LiveJobExists(str(live.id))
            bounds = limits(session)
            move_unheld(
                session,
                job,
                by,
                JobState.QUEUED,
                kind="tried again",
                subject=subject,
                zone_id=zone_of(session, request),
                max_attempts=job.attempt + bounds.retry_max_attempts,
                next_run_at=func.now(),
                rung_at=func.now(),
                phase=WAITS_FOR_WORKER,
                progress=0,
                deadline_at=wait_until(bounds),
                work_began_at=None,
                stop_wish=None,
                stop_wished_by=None,
                stop_wished_at=None,
                error_code=None,
                error_text=None,
                finished_at=None,
            )
            record(session, Action.RETRY, (job.resource_type, job.resource_id), job=str(job_id))
    except IntegrityError as error:
        # Somebody was faster with another job for the same VM or volume; it may be over by now.
        with transaction() as session:
            live = queries.live_job_on(session, subject)
        raise LiveJobExists(str(live.id) if live else "of somebody else") from error
    ring(Step.SUBMIT, [job_id])
