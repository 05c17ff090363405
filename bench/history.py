"""How fast lists of jobs, the sweep, and forgetting are with a million jobs that are over.

    .venv/bin/python -m bench.history [JOBS] [ROUNDS]

Starts a PostgreSQL of its own and fills it: each job with an attempt, an outside task and three lines of history.
Prints medians: of a page of 50 and one of 500 with its count, for each filter; of what a worker asks every few seconds;
of forgetting; and of what the indexes for lists cost whoever moves a job from state to state.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import psycopg
from cryptography.fernet import Fernet
from sqlalchemy import func, select, text

from app.db import transaction
from app.devstack.postgres import Postgres
from app.jobs import line, queries
from app.jobs.history import JobFilter, Position, branches_of, count_of, jobs_past, list_jobs, page_of
from app.jobs.models import Job
from app.jobs.states import JobState
from app.migration.forgetting import forget_old_jobs
from migrations.schema import upgrade
from tests.running.installation import installed

BUSY, SELDOM = UUID(int=0xA), UUID(int=0xB)
OLD_DAYS = 100
"""So long ago the oldest thousandth of the jobs ended, and all others less than 90 days ago."""

FILL = """
    SET session_replication_role = replica; -- no foreign key is looked at, for speed

    INSERT INTO job (id, command, state, subject, resource_type, resource_id, system_id, account_id, user_id, payload,
                     max_attempts, attempt, fence, progress, result, error_code, error_text, created_at, started_at,
                     finished_at)
    SELECT gen_random_uuid(), command, state, 'volume:' || n,
           CASE command WHEN 'migrateVolume' THEN 'Volume' ELSE 'VirtualMachine' END,
           lpad(to_hex(n % 20000), 32, '0')::uuid, lpad('1', 32, '0')::uuid,
           lpad(CASE WHEN n % 10007 = 0 THEN 'b' WHEN n % 7 < 4 THEN 'a' ELSE to_hex(16 + n % 30) END, 32, '0')::uuid,
           lpad('1', 32, '0')::uuid, jsonb_build_object('volume_id', gen_random_uuid(), 'pool_id', gen_random_uuid()),
           5, 1, 2, 100,
           CASE state WHEN 'succeeded' THEN jsonb_build_object('kind', 'volume', 'id', gen_random_uuid(), 'disks',
               jsonb_build_array(jsonb_build_object('volume_id', gen_random_uuid(), 'name', 'data-' || n,
                   'from', 'ds-old', 'to', 'ds-new', 'bytes', n::bigint * 4096,
                   'path', '[ds-new] data-' || n || '/data.vmdk', 'verified', true)))
           END,
           CASE WHEN state <> 'succeeded' THEN 530 END, CASE WHEN state <> 'succeeded' THEN 'no space on ds-new' END,
           at, at, at + interval '10 minutes'
    FROM (SELECT n, now() - CASE WHEN n <= {jobs} / 1000 THEN interval '{old} days'
                                 ELSE ({jobs} - n) * interval '7 s' END AS at,
                 (CASE WHEN (n + n / 1000) % 100 < 94 THEN 'succeeded' WHEN (n + n / 1000) % 100 < 99 THEN 'failed'
                       ELSE 'cancelled' END)::job_state AS state,
                 CASE WHEN n % 1000 = 7 THEN 'migrateVirtualMachineWithVolume'
                      WHEN n % 11 < 5 THEN 'migrateVirtualMachine' ELSE 'migrateVolume' END AS command
          FROM generate_series(1, {jobs}) n) made;

    INSERT INTO job (id, command, state, subject, resource_type, resource_id, system_id, account_id, user_id, payload,
                     max_attempts, work_began_at, deadline_at)
    SELECT gen_random_uuid(), 'migrateVolume', state, 'live:' || state || n, 'Volume', gen_random_uuid(),
           lpad('1', 32, '0')::uuid, lpad('a', 32, '0')::uuid, lpad('1', 32, '0')::uuid, '{{}}', 5, now(),
           now() + interval '1 day'
    FROM generate_series(1, 50) n, unnest('{{queued,running}}'::job_state[]) state;

    INSERT INTO job_attempt (job_id, number, worker, strategy, started_at, ended_at, outcome, bytes)
    SELECT id, 1, 'worker', 'vmware-storage-motion', created_at, finished_at,
           CASE WHEN finished_at IS NOT NULL THEN 'succeeded' END, 4096 FROM job;

    INSERT INTO outside_task (id, job_id, attempt, sequence, system_id, command, state, reference, settled_at)
    SELECT id, id, 1, 0, system_id, '{{"command": {{"kind": "relocate-vm"}}}}',
           CASE WHEN finished_at IS NULL THEN 'running' ELSE 'success' END::task_state, 'task-1', finished_at FROM job;

    INSERT INTO job_event (job_id, at, actor, kind, from_state, to_state)
    SELECT id, created_at, 'worker', 'claimed', 'queued', 'submitting' FROM job, generate_series(1, 3);
"""

UNHAPPY = (JobState.FAILED, JobState.CANCELLED)
LIVE = (JobState.QUEUED, JobState.SUBMITTING, JobState.RUNNING, JobState.VERIFYING)
LIST_INDEXES = ("ix_job_state", "ix_job_account", "ix_job_kind", "ix_job_finished")


def filters(now: datetime) -> dict[str, JobFilter]:
    """Return what is asked for, by the parameters that ask for it."""
    since, until = now - timedelta(days=60), now - timedelta(days=20)
    return {
        "nothing": JobFilter(),
        "state=live ones": JobFilter(states=LIVE),
        "jobstatus=1": JobFilter(states=(JobState.SUCCEEDED,)),
        "jobstatus=2": JobFilter(states=UNHAPPY),
        "startdate, enddate": JobFilter(since=since, until=until),
        "account": JobFilter(account_id=BUSY),
        "account of a hundred jobs": JobFilter(account_id=SELDOM),
        "account, jobstatus=2": JobFilter(account_id=BUSY, states=UNHAPPY),
        "account, startdate, enddate": JobFilter(account_id=BUSY, since=since, until=until),
        "account, resourcetype": JobFilter(account_id=BUSY, resource_type="Volume"),
        "account, keyword of a thousand": JobFilter(account_id=BUSY, keyword="WithVolume"),
        "keyword of all": JobFilter(keyword="migrate"),
        "keyword of a thousand": JobFilter(keyword="WithVolume"),
        "keyword, jobstatus=2": JobFilter(keyword="migrateVirtualMachine", states=UNHAPPY),
        "resourcetype": JobFilter(resource_type="VirtualMachine"),
        "resourcetype, resourceid": JobFilter(resource_type="Volume", resource_id=UUID(int=9)),
        "all of them": JobFilter(
            account_id=BUSY,
            resource_type="VirtualMachine",
            keyword="machine",
            states=UNHAPPY,
            since=since,
            until=until,
        ),
    }


def main(jobs: int, rounds: int) -> None:
    """Fill, measure and print."""
    with tempfile.TemporaryDirectory(prefix="vrelocate-bench-") as name, Postgres(Path(name) / "postgres") as postgres:
        upgrade(postgres.url)
        with psycopg.connect(postgres.url) as connection:
            for statement in FILL.format(jobs=jobs, old=OLD_DAYS).split(";\n"):
                if statement.strip():
                    connection.execute(statement.encode())
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        environment = {
            "VRELOCATE_DATABASE_URL": postgres.url,
            "VRELOCATE_REDIS_URL": "redis://127.0.0.1:1/0",  # nobody is rung for
            "VRELOCATE_MASTER_KEY": Fernet.generate_key().decode(),
        }
        with installed(environment):
            measure_lists(rounds)
            measure_sweep(rounds)
            measure_forgetting()
            measure_moves()


def measure_lists(rounds: int) -> None:
    """Print how long pages take."""
    with transaction() as session:
        counting = median(rounds, lambda: session.scalar(select(func.count()).select_from(Job)))
    print(f"\ncounting all of them: {counting:.0f} ms\n\nms for   50   500 jobs and the count")
    for name, wanted in filters(datetime.now(UTC)).items():
        small, large = (median(rounds, partial(page, wanted, size)) for size in (50, 500))
        print(f"{small:10.1f} {large:5.1f}  {name}")
    for offset in (5_000, 100_000, 900_000):
        print(f"{'':10} {median(rounds, partial(page, JobFilter(), 500, offset)):5.0f}  nothing, from {offset} on")
    print("\nms for   50   500 jobs from a cursor in the middle of the list")
    for name, wanted in filters(datetime.now(UTC)).items():
        there = middle_of(wanted)
        small, large = (median(rounds, partial(read_on, there, size)) for size in (50, 500))
        print(f"{small:10.1f} {large:5.1f}  {name}")


def middle_of(wanted: JobFilter) -> JobFilter:
    """Return what asks for the second half of a list."""
    with transaction() as session:
        branches = branches_of(session, wanted)
        count = session.scalars(count_of(branches, 2**31)).one()
        (job,) = session.scalars(page_of(branches, 1, count // 2))
        return replace(wanted, past=Position(job.created_at, job.id))


def read_on(wanted: JobFilter, size: int) -> None:
    """Read a page of a list from where another one has ended."""
    with transaction() as session:
        jobs_past(session, wanted, size)


def measure_sweep(rounds: int) -> None:
    """Print how long everything takes together that each worker asks every few seconds."""
    asked = (
        line.RING_QUEUED,
        queries.RING_LEFT_SUBMITTING,
        queries.RING_LEFT_VERIFYING,
        queries.RING_ENDED,
        queries.RING_STOPPING,
        queries.OVERDUE,
    )

    def sweep() -> None:
        with transaction() as session:
            for statement in asked:
                session.execute(statement, {"most": 200, "quiet_seconds": 0, "again_seconds": 60}).all()

    print(f"\none sweep, with a hundred live jobs: {median(rounds, sweep):.1f} ms")


def measure_forgetting() -> None:
    """Print how long a job takes to be forgotten, and how long a round with nothing to forget."""
    began = time.perf_counter()
    forgotten = forget_old_jobs()
    spent = time.perf_counter() - began
    print(f"forgetting: {1000 * spent / forgotten:.2f} ms a job ({forgotten} jobs)")
    print(f"a round with nothing to forget: {median(9, forget_old_jobs):.1f} ms")


def measure_moves() -> None:
    """Print what moving a job from state to state costs with the indexes for lists, and without."""
    took = [moving()]
    with transaction() as session:
        for name in LIST_INDEXES:
            session.execute(text(f"DROP INDEX {name}"))
    took.append(moving())
    print(f"a job's move to another state: {took[0]:.2f} ms, without the indexes for lists {took[1]:.2f} ms")


def moving() -> float:
    """Return how many milliseconds a move takes, one transaction each."""
    move = text(
        "UPDATE job SET state = CASE state WHEN 'queued' THEN 'running' ELSE 'queued' END::job_state "
        "WHERE id = (SELECT id FROM job WHERE state IN ('queued', 'running') LIMIT 1)"
    )

    def one() -> None:
        with transaction() as session:
            session.execute(move)

    return median(500, one)


def page(wanted: JobFilter, limit: int, offset: int = 0) -> None:
    """Read a page, as the API does."""
    with transaction() as session:
        list_jobs(session, wanted, limit=limit, offset=offset)


def median(rounds: int, what: Callable[[], object]) -> float:
    """Return the median of `rounds` in milliseconds; a round before them is not counted."""
    figures = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        what()
        figures.append(1000 * (time.perf_counter() - began))
    return statistics.median(figures[1:])


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:]] or (1_000_000, 9))
