"""Every SQL statement about jobs. Times are the database's; what the sweep asks is served by partial indexes."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.jobs.models import HELD_SQL, LIVE_SQL, Attempt, Job, JobEvent

CLAIM_TO_SUBMIT = text(
    """
    UPDATE job SET state = 'submitting', fence = job.fence + 1, lease_owner = :owner,
                   lease_expires_at = now() + make_interval(secs => :lease_seconds),
                   updated_at = now(), started_at = COALESCE(started_at, now())
    FROM (SELECT id, state AS previous_state FROM job
          WHERE id = :job_id
            AND ((state = 'queued' AND next_run_at <= now())
                 OR (state = 'submitting' AND lease_expires_at < now()))
          FOR UPDATE SKIP LOCKED) AS due
    WHERE job.id = due.id
    RETURNING job.fence, due.previous_state
    """
)
"""A queued job that is due, or one whose worker died while it submitted."""

CLAIM_TO_FINISH = text(
    """
    UPDATE job SET state = 'verifying', fence = job.fence + 1, lease_owner = :owner,
                   lease_expires_at = now() + make_interval(secs => :lease_seconds), updated_at = now()
    FROM (SELECT id, state AS previous_state FROM job
          WHERE id = :job_id
            AND ((state = 'running'
                  AND NOT EXISTS (SELECT FROM outside_task t WHERE t.job_id = job.id AND t.settled_at IS NULL))
                 OR (state = 'verifying' AND lease_expires_at < now()))
          FOR UPDATE SKIP LOCKED) AS due
    WHERE job.id = due.id
    RETURNING job.fence, due.previous_state
    """
)
"""A running job whose outside task is over, or one whose worker died while it verified."""

RENEW = text(
    """
    UPDATE job SET lease_expires_at = now() + make_interval(secs => :lease_seconds)
    WHERE id = :job_id AND fence = :fence AND lease_owner IS NOT NULL
    """
)

_RING_AGAIN = """
    WITH forgotten AS (
        SELECT id FROM job
        WHERE {due} AND (rung_at IS NULL OR rung_at < next_run_at
                         OR rung_at < now() - make_interval(secs => :quiet_seconds))
        ORDER BY priority DESC, next_run_at, id LIMIT :most FOR UPDATE SKIP LOCKED),
    rung AS (
        UPDATE job SET rung_at = now() FROM forgotten WHERE job.id = forgotten.id
        RETURNING job.id, job.priority, job.next_run_at)
    SELECT id FROM rung ORDER BY priority DESC, next_run_at, id
"""
# `rung_at` keeps N sweepers from ringing for one job N times; the doubled conditions on the state of held jobs let the
# partial index on leases serve them. Sorted twice, for an UPDATE returns its rows in any order. Queued jobs are rung
# for in the order of the line (line.py).

RING_LEFT_SUBMITTING = text(_RING_AGAIN.format(due=f"{HELD_SQL} AND state = 'submitting' AND lease_expires_at < now()"))
RING_LEFT_VERIFYING = text(_RING_AGAIN.format(due=f"{HELD_SQL} AND state = 'verifying' AND lease_expires_at < now()"))
RING_ENDED = text(
    _RING_AGAIN.format(
        due="state = 'running' AND NOT EXISTS "
        "(SELECT FROM outside_task t WHERE t.job_id = job.id AND t.settled_at IS NULL)"
    )
)

UNRING = text(
    """
    UPDATE job SET rung_at = NULL
    WHERE id IN (SELECT id FROM job WHERE id = ANY(:job_ids) ORDER BY id FOR UPDATE SKIP LOCKED)
    """
)
"""Nobody has heard of these. Whoever has one locked works on it already."""

_STOPPABLE = """
    t.job_id = job.id AND t.settled_at IS NULL AND t.stop_refused IS NULL
    AND COALESCE((t.command ->> 'copies')::boolean, true) AND NOT COALESCE((t.command ->> 'cleaning')::boolean, false)
    AND (t.stop_asked_at IS NULL OR t.stop_asked_at < now() - make_interval(secs => :again_seconds))
"""

RING_STOPPING = text(
    f"""
    SELECT id FROM job WHERE state = 'running' AND stop_wish IS NOT NULL
      AND EXISTS (SELECT FROM outside_task t WHERE {_STOPPABLE})
    ORDER BY id LIMIT :most
    """
)
"""Jobs that are to stop, for which something works that was not asked to stop, or long ago."""

TAKE_STOP = text(
    f"""
    UPDATE outside_task t SET stop_asked_at = now() FROM job
    WHERE job.id = :job_id AND job.state = 'running' AND job.stop_wish IS NOT NULL AND {_STOPPABLE}
    RETURNING t.id, t.system_id, t.reference
    """
)
"""The task of a job that is to be asked to stop now: of any number who try, one gets it."""

OVERDUE = text(
    f"""
    SELECT id FROM job
    WHERE {LIVE_SQL} AND stop_wish IS NULL AND deadline_at < now()
      AND (work_began_at IS NOT NULL OR state = 'queued')
    ORDER BY deadline_at LIMIT :most
    """
)
"""What waits has until its deadline to begin, but is not stopped while a worker is about to begin it."""


def lock_job(session: Session, job_id: UUID) -> Job | None:
    """Return the job, its row locked until the transaction ends, read afresh.

    Not its key: rows that refer to the job, a line of its history, can be written by others meanwhile.
    """
    found: Job | None = session.scalars(
        select(Job).where(Job.id == job_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one_or_none()
    return found


def lock_known_job(session: Session, job_id: UUID) -> Job:
    """Return the job as `lock_job` does; raises `NotFound` when there is none."""
    job = lock_job(session, job_id)
    if job is None:
        raise NotFound(f"unable to find a job with id {job_id}: listAsyncJobs shows those that exist")
    return job


def get_job(session: Session, job_id: UUID) -> Job | None:
    """Return the job of that id."""
    return session.get(Job, job_id)


def get_jobs(session: Session, job_ids: Collection[UUID]) -> list[Job]:
    """Return the jobs of these ids, as far as they exist."""
    return list(session.scalars(select(Job).where(Job.id.in_(job_ids)))) if job_ids else []


def newest_job_of(session: Session, resource_type: str, resource_id: UUID) -> Job | None:
    """Return the newest job about a resource."""
    return session.scalars(
        select(Job)
        .where(Job.resource_type == resource_type, Job.resource_id == resource_id)
        .order_by(Job.created_at.desc(), Job.id)
        .limit(1)
    ).one_or_none()


def live_job_on(session: Session, subject: str) -> Job | None:
    """Return the live job that works on `subject`."""
    return session.scalars(select(Job).where(Job.subject == subject, text(LIVE_SQL)).limit(1)).one_or_none()


def attempts_of(session: Session, job_id: UUID) -> list[Attempt]:
    """Return a job's attempts in order."""
    return list(session.scalars(select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.number)))


def events_of(session: Session, job_id: UUID) -> list[JobEvent]:
    """Return a job's history in order."""
    return list(session.scalars(select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.id)))


def open_attempt(session: Session, job_id: UUID) -> Attempt | None:
    """Return the attempt that has begun and not ended."""
    return session.scalars(select(Attempt).where(Attempt.job_id == job_id, Attempt.ended_at.is_(None))).one_or_none()


SETTLE_TASK = text(
    """
    UPDATE outside_task SET state = CAST(:state AS task_state), settled_at = now(),
           fault = :fault, fault_class = :fault_class, message = :message,
           progress = CASE WHEN :state = 'success' THEN 100 ELSE progress END
    WHERE id = :id AND settled_at IS NULL
    RETURNING job_id
    """
)
