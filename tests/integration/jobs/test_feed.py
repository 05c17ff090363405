"""The history of all jobs, followed in a real database: lines are numbered in one order and committed in another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from app.db import engine, transaction
from app.jobs.feed import UNSETTLED_SECONDS, Seen, latest, progress_since, read_on, read_on_about
from app.jobs.models import Job, JobEvent
from tests.integration.jobs.rows import new_job

pytestmark = pytest.mark.integration


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(engine()) as opened:
        yield opened


def write(session: Session, job_id: UUID, kind: str) -> int:
    line = JobEvent(job_id=job_id, actor="w", kind=kind)
    session.add(line)
    session.flush()
    return line.id


def kinds(seen: Seen) -> tuple[list[str], Seen]:
    with transaction() as session:
        lines = read_on(session, seen, 100)
    return [line.kind for line, _ in lines], lines[-1][1] if lines else seen


def test_a_line_that_is_committed_late_is_not_missed(session: Session) -> None:
    job_id = new_job()
    with transaction() as other:
        seen = latest(other)
    late = write(session, job_id, "late")
    with transaction() as other:
        write(other, job_id, "early")
    got, seen = kinds(seen)
    assert got == ["early"]
    assert late in seen.missing
    assert kinds(seen)[0] == []
    session.commit()
    got, seen = kinds(Seen.of(seen.text))
    assert (got, late in seen.missing) == (["late"], False)
    assert kinds(seen)[0] == []


def test_a_number_on_its_way_when_somebody_begins_to_follow_is_looked_for(session: Session) -> None:
    job_id = new_job()
    late = write(session, job_id, "late")
    with transaction() as other:
        write(other, job_id, "before")
    with transaction() as other:
        seen = latest(other)
    assert late in seen.missing
    session.commit()
    assert kinds(seen)[0] == ["late"]


def test_a_number_that_was_rolled_back_is_given_up(session: Session) -> None:
    job_id = new_job()
    with transaction() as other:
        seen = latest(other)
    never = write(session, job_id, "never")
    with transaction() as other:
        after = write(other, job_id, "after")
    session.rollback()
    _, seen = kinds(seen)
    assert never in seen.missing
    with transaction() as other:
        long_ago = func.now() - timedelta(seconds=UNSETTLED_SECONDS + 1)
        other.execute(update(JobEvent).where(JobEvent.id == after).values(at=long_ago))
        write(other, job_id, "news")
    got, seen = kinds(seen)
    assert (got, never in seen.missing) == (["news"], False)


def test_of_one_job_only_its_lines_are_read() -> None:
    one, other = new_job(), new_job()
    with transaction() as session:
        numbers = [write(session, one, "a"), write(session, other, "b"), write(session, one, "c")]
        before = Seen(numbers[0] - 1)
        assert [it.kind for it, _ in read_on_about(session, one, before, 10)] == ["a", "c"]
        ((line, seen),) = read_on_about(session, one, before, 1)
        assert (line.kind, seen) == ("a", Seen(numbers[0]))


def test_progress_is_told_when_it_changes() -> None:
    job_id = new_job()
    with transaction() as session:
        news, since = progress_since(session, None)
        assert job_id in {it.job_id for it in news}
    with transaction() as session:
        session.execute(update(Job).where(Job.id == job_id).values(progress=40, updated_at=func.now()))
    with transaction() as session:
        news, _ = progress_since(session, since)
        assert [it.percent for it in news if it.job_id == job_id] == [40]
        assert progress_since(session, since + timedelta(hours=1))[0] == []
