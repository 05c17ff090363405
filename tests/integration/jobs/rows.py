"""Jobs as rows: made, read, and aged, for all times are PostgreSQL's and an hour is an UPDATE away."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from app.db import transaction
from app.jobs import queries
from app.jobs.models import Attempt, Job, JobEvent, OutsideTask
from app.jobs.states import JobState
from app.migration import queries as migration_queries

NOBODY = UUID(int=0)


def new_job(**columns: Any) -> UUID:  # noqa: ANN401  # the job's own columns
    """Write a job that is due, unless its columns say otherwise."""
    job_id: UUID = columns.pop("id", None) or uuid4()
    needed = {
        "id": job_id,
        "command": "migrateVolume",
        "subject": f"volume:{uuid4()}",
        "resource_type": "Volume",
        "resource_id": uuid4(),
        "system_id": NOBODY,
        "account_id": NOBODY,
        "user_id": NOBODY,
        "payload": {},
        "max_attempts": 5,
    }
    with transaction() as session:
        session.add(Job(**{**needed, **columns}))
    return job_id


def job(job_id: UUID) -> Job:
    """Read a job as it is now."""
    with transaction() as session:
        return session.get_one(Job, job_id)


def exists(job_id: UUID) -> bool:
    with transaction() as session:
        return session.get(Job, job_id) is not None


def attempts(job_id: UUID) -> list[Attempt]:
    with transaction() as session:
        return queries.attempts_of(session, job_id)


def tasks(job_id: UUID) -> list[OutsideTask]:
    with transaction() as session:
        return migration_queries.tasks_of_job(session, job_id)


def history(job_id: UUID) -> list[JobEvent]:
    with transaction() as session:
        return queries.events_of(session, job_id)


def replayed(job_id: UUID) -> JobState | None:
    """The state to which a job's history leads; each move in it begins where the one before has ended."""
    state: JobState | None = None
    for event in history(job_id):
        if event.to_state is not None:
            assert event.from_state == state, f"{event.kind} begins with {event.from_state}: the job was {state}"
            assert event.actor
            state = JobState(event.to_state)
    return state


def kinds(job_id: UUID) -> list[str]:
    return [event.kind for event in history(job_id)]


def everything_of(job_id: UUID) -> str:
    """All that is written about a job, to be compared."""
    with transaction() as session:
        return str(
            session.execute(
                text(
                    """
                    SELECT (SELECT row_to_json(j) FROM job j WHERE id = :id),
                           (SELECT json_agg(a ORDER BY number) FROM job_attempt a WHERE job_id = :id),
                           (SELECT json_agg(t ORDER BY attempt, sequence) FROM outside_task t WHERE job_id = :id),
                           (SELECT json_agg(e ORDER BY e.id) FROM job_event e WHERE job_id = :id)
                    """
                ),
                {"id": job_id},
            ).one()
        )


def lapse_lease(job_id: UUID) -> None:
    """Let the lease of whoever holds the job run out: its worker is dead, or paused."""
    _change("UPDATE job SET lease_expires_at = now() - interval '1 second' WHERE id = :id", job_id)


def make_due(job_id: UUID) -> None:
    """Let the time of a queued job's next attempt come."""
    _change("UPDATE job SET next_run_at = now() WHERE id = :id AND state = 'queued'", job_id)


def pass_deadline(job_id: UUID) -> None:
    """Let the job's time be over."""
    _change("UPDATE job SET deadline_at = now() - interval '1 second' WHERE id = :id", job_id)


def forget_asking_to_stop(job_id: UUID) -> None:
    """Let it be an hour since the outside system was asked to stop."""
    _change("UPDATE outside_task SET stop_asked_at = stop_asked_at - interval '1 hour' WHERE job_id = :id", job_id)


def end(job_id: UUID) -> None:
    """Let a job have failed."""
    over = "state = 'failed', finished_at = now(), error_code = 530, error_text = 'it failed'"
    _change(f"UPDATE job SET {over} WHERE id = :id", job_id)


def forget_ringing(job_id: UUID) -> None:
    """Let it be an hour since somebody rang for the job."""
    _change("UPDATE job SET rung_at = now() - interval '1 hour' WHERE id = :id", job_id)


def _change(statement: str, job_id: UUID) -> None:
    with transaction() as session:
        session.execute(text(statement), {"id": job_id})
