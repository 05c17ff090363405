"""A database that is busy passes by itself: nobody takes it for a failure of the job."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import transaction
from app.errors import ResourceUnavailable
from tests.integration.jobs.at_once import DEADLINE_SECONDS, at_once
from tests.integration.jobs.rows import new_job

pytestmark = pytest.mark.integration


def lock(session: Session, job_id: UUID) -> None:
    session.execute(text("SELECT FROM job WHERE id = :id FOR UPDATE"), {"id": job_id})


def test_a_row_that_somebody_holds_for_too_long() -> None:
    job_id = new_job()

    def impatient() -> None:
        with transaction() as session:
            session.execute(text("SET LOCAL lock_timeout = '50ms'"))
            lock(session, job_id)

    with transaction() as holder:
        lock(holder, job_id)
        with pytest.raises(ResourceUnavailable, match="busy"):
            impatient()


def test_two_that_wait_for_each_other() -> None:
    jobs = [new_job(), new_job()]
    both_hold_one = threading.Barrier(2)

    def cross(number: int) -> bool:
        try:
            with transaction() as session:
                lock(session, jobs[number])
                both_hold_one.wait(DEADLINE_SECONDS)
                lock(session, jobs[1 - number])
        except ResourceUnavailable:
            return False
        return True

    assert sorted(at_once(2, cross)) == [False, True]


def test_a_connection_that_broke() -> None:
    def cut_off() -> None:
        with transaction() as session:
            mine = session.scalars(text("SELECT pg_backend_pid()")).one()
            with transaction() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
            session.execute(text("SELECT 1"))

    with pytest.raises(ResourceUnavailable, match="does not answer"):
        cut_off()


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(Exception, match="division by zero"), transaction() as session:
        session.execute(text("SELECT 1 / 0"))
