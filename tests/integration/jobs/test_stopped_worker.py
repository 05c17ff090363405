"""A worker that is stopped inside a transaction keeps its row locks for seconds, not for as long as it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import app.db
from app.db import take_longer, transaction
from app.jobs.leases import claim_to_submit
from tests.integration.jobs.rows import everything_of, new_job
from tests.running.waiting import until

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 30
"""Far more than the two seconds of `stopped_worker`, and far less than a process may be stopped for."""


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """A lease that has run out by the time the row is free."""
    return {**environment, "VRELOCATE_LEASE_SECONDS": "0.5"}


@contextmanager
def worker(job_id: object, how: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.jobs.stopped_worker", str(job_id), how],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def state_of(backend: int) -> str | None:
    with transaction() as session:
        return session.scalars(text("SELECT state FROM pg_stat_activity WHERE pid = :pid"), {"pid": backend}).first()


@pytest.mark.parametrize(
    ("how", "state"),
    [
        ("between statements", "idle in transaction"),
        # Neither of these is idle in PostgreSQL's eyes.
        ("sending", "active"),
        ("receiving", "active"),
    ],
)
def test_its_job_is_taken_over_and_it_changes_nothing_when_it_comes_back(
    how: str, state: str, environment: dict[str, str]
) -> None:
    job_id = new_job()
    with worker(job_id, how, environment) as process:
        assert process.stdout
        backend = int(process.stdout.readline())
        until(lambda: state_of(backend) == state, DEADLINE_SECONDS, f"the worker is {state}")
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)

        assert until(lambda: claim_to_submit(job_id, "another"), DEADLINE_SECONDS, "another worker has the job")
        assert state_of(backend) is None

        before = everything_of(job_id)
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate("go on\n", DEADLINE_SECONDS)
        assert said == "rolled back\n"
        assert process.returncode == 0
    assert everything_of(job_id) == before


def test_whoever_waits_for_one_that_is_stopped_outlives_it() -> None:
    with transaction() as session:
        assert bounds(session) == {
            "idle_in_transaction_session_timeout": f"{app.db.SILENCE_SECONDS}s",
            "lock_timeout": f"{app.db.LOCK_WAIT_SECONDS}s",
            "tcp_user_timeout": f"{app.db.SILENCE_SECONDS}000",  # shown in milliseconds
            "transaction_timeout": f"{app.db.TRANSACTION_SECONDS}s",
        }
    assert app.db.SILENCE_SECONDS < app.db.LOCK_WAIT_SECONDS


def test_a_transaction_may_take_longer_and_the_next_one_may_not() -> None:
    with transaction() as session:
        usual = bounds(session)
        take_longer(session, lock_wait_seconds=50, silence_seconds=40, transaction_seconds=55)
        longer = {"lock_timeout": "50s", "idle_in_transaction_session_timeout": "40s", "transaction_timeout": "55s"}
        assert bounds(session) == usual | longer
    with transaction() as session:
        assert bounds(session) == usual


def bounds(session: Session) -> dict[str, str]:
    names = ("lock_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout", "transaction_timeout")
    return {name: str(session.scalars(text(f"SHOW {name}")).one()) for name in names}
