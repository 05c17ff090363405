"""What became of migrations, by the database and by vCenter's own ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select

from app.db import transaction
from app.jobs.models import Job
from app.jobs.states import LIVE, JobState
from tests.integration.jobs import rows
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission
from tests.running.waiting import until


def states(job_ids: Collection[UUID]) -> Counter[JobState]:
    with transaction() as session:
        return Counter(session.scalars(select(Job.state).where(Job.id.in_(job_ids))))


def running(job_ids: Collection[UUID]) -> int:
    return states(job_ids)[JobState.RUNNING]


def all_end(job_ids: Collection[UUID], within_seconds: float) -> None:
    """Wait until no job is live."""
    until(lambda: not states(job_ids).keys() & LIVE, within_seconds, f"all {len(job_ids)} jobs are over")


def all_succeeded_once(steps: Steps, jobs: dict[UUID, str]) -> None:
    """Assert that every job, of which `jobs` says what it moves, succeeded, and that vCenter moved each thing once."""
    ended = {job_id: rows.job(job_id) for job_id in jobs}
    assert [(job.state, job.error_text) for job in ended.values()] == [(JobState.SUCCEEDED, None)] * len(jobs)
    assert {entity: steps.started(entity) for entity in jobs.values()} == dict.fromkeys(jobs.values(), 1)
    assert admission() == NOTHING_TAKEN


def over(job_ids: Collection[UUID]) -> int:
    """How many jobs are over."""
    return sum(count for state, count in states(job_ids).items() if state not in LIVE)
