"""Lists of jobs, and forgetting, read as much of a hundred thousand jobs as they show, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.db import make_engine
from app.jobs.history import KINDS, JobFilter, Position, branches_of, count_of, jobs_past, list_jobs, page_of
from app.jobs.retention import BEGINNING, FORGET, LOCK_OLD
from app.jobs.states import JobState
from app.migration.leftover_queries import WITH_LEFTOVERS
from tests.integration.jobs.explained import nodes, plan_of, rows_read, scanned
from tests.running.databases import Databases

pytestmark = pytest.mark.integration

JOBS = 100_000
OLD = 300
"""Jobs that are to be forgotten."""
PAGE, COUNTED = 50, 500
LAST = 2_000
"""How many of a list's last jobs are read page after page."""
TABLES = {"job", "job_attempt", "outside_task", "job_event", "transfer", "transfer_file"}
BUSY, SELDOM = UUID(int=0xA), UUID(int=0xB)
"""Accounts, of most jobs and of one in ten thousand."""

FILL = f"""
    SET session_replication_role = replica; -- no foreign key is looked at, for speed

    INSERT INTO job (id, command, state, subject, resource_type, resource_id, system_id, account_id, user_id, payload,
                     max_attempts, attempt, result, error_code, error_text, created_at, finished_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, command, state, 'volume:' || n,
           CASE command WHEN 'migrateVolume' THEN 'Volume' ELSE 'VirtualMachine' END,
           lpad(to_hex(n %% 5000), 32, '0')::uuid, %(system)s,
           CASE WHEN n %% 10000 = 3 THEN %(seldom)s::uuid WHEN n %% 3 = 0 THEN %(system)s::uuid ELSE %(busy)s::uuid END,
           %(system)s, '{{}}', 5, 1, CASE state WHEN 'succeeded' THEN '{{}}'::jsonb END,
           CASE WHEN state <> 'succeeded' THEN 530 END, CASE WHEN state <> 'succeeded' THEN 'no' END, at,
           CASE WHEN n > {JOBS} - {OLD} THEN at - interval '10 years' ELSE at END
    FROM (SELECT n, now() - n * interval '1 minute' AS at,
                 (CASE WHEN (n + n / 1000) * 31 %% 100 < 93 THEN 'succeeded'
                       WHEN (n + n / 1000) * 31 %% 100 < 98 THEN 'failed'
                       ELSE 'cancelled' END)::job_state AS state,
                 CASE WHEN n %% 1000 = 7 THEN 'migrateVirtualMachineWithVolume'
                      WHEN n %% 7 < 3 THEN 'migrateVirtualMachine' ELSE 'migrateVolume' END AS command
          FROM generate_series(1, {JOBS}) n) made;

    INSERT INTO job (id, command, state, subject, resource_type, resource_id, system_id, account_id, user_id, payload,
                     max_attempts)
    SELECT gen_random_uuid(), 'migrateVolume', 'queued', 'volume:live' || n, 'Volume', gen_random_uuid(), %(system)s,
           %(busy)s, %(busy)s, '{{}}', 5 FROM generate_series(1, 20) n;

    INSERT INTO job_attempt (job_id, number, worker, ended_at, outcome)
    SELECT id, 1, 'w', finished_at, 'succeeded' FROM job WHERE finished_at IS NOT NULL;

    INSERT INTO outside_task (id, job_id, attempt, sequence, system_id, command, state, reference, settled_at)
    SELECT id, id, 1, 0, system_id, '{{"command": {{"kind": "create-worker"}}}}', 'success', 'task-1', finished_at
    FROM job WHERE finished_at IS NOT NULL;

    INSERT INTO job_event (job_id, actor, kind) SELECT id, 'w', 'claimed' FROM job, generate_series(1, 2);

    INSERT INTO transfer (id, job_id, task_id, store_id, phase, created_at, finished_at, cleared_at)
    SELECT id, id, id, id, 'done', created_at, finished_at, finished_at FROM job WHERE finished_at IS NOT NULL;

    INSERT INTO transfer_file (transfer_id, number, source, target, size_bytes, state, checksum)
    SELECT id, 0, '{{}}', '{{}}', 1, 'equal', '' FROM transfer;
"""

NOW = datetime.now(UTC)
OVER = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
UNHAPPY = (JobState.FAILED, JobState.CANCELLED)
LIVE = (JobState.QUEUED, JobState.SUBMITTING, JobState.RUNNING, JobState.VERIFYING)
FILTERS = {
    "nothing": JobFilter(),
    "live": JobFilter(states=LIVE),
    "succeeded": JobFilter(states=(JobState.SUCCEEDED,)),
    "failed or cancelled": JobFilter(states=UNHAPPY),
    "over": JobFilter(states=OVER),
    "since": JobFilter(since=NOW - timedelta(days=60)),
    "until": JobFilter(until=NOW - timedelta(days=60)),
    "until, failed": JobFilter(until=NOW - timedelta(days=60), states=UNHAPPY),
    "account": JobFilter(account_id=BUSY),
    "seldom account": JobFilter(account_id=SELDOM),
    "account, failed": JobFilter(account_id=BUSY, states=UNHAPPY),
    "account, since": JobFilter(account_id=BUSY, since=NOW - timedelta(days=60)),
    "account, type": JobFilter(account_id=BUSY, resource_type="Volume"),
    "seldom account, type": JobFilter(account_id=SELDOM, resource_type="Volume"),
    "account, seldom command": JobFilter(account_id=BUSY, keyword="WithVolume"),
    "type": JobFilter(resource_type="VirtualMachine"),
    "type, failed": JobFilter(resource_type="VirtualMachine", states=UNHAPPY),
    "type, until": JobFilter(resource_type="Volume", until=NOW - timedelta(days=60)),
    "any command": JobFilter(keyword="migrate"),
    "command": JobFilter(keyword="virtualmachine"),
    "seldom command": JobFilter(keyword="withvolume"),
    "seldom command, failed": JobFilter(keyword="withvolume", states=UNHAPPY),
    "resource of any type": JobFilter(resource_id=UUID(int=11)),
    "resource": JobFilter(resource_type="Volume", resource_id=UUID(int=11)),
    "resource, all else": JobFilter(
        resource_type="Volume",
        resource_id=UUID(int=11),
        states=OVER,
        keyword="volume",
        account_id=BUSY,
        since=NOW - timedelta(days=60),
        until=NOW,
    ),
}


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Iterator[Engine]:
    with databases.fresh() as url:
        with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
            connection.execute(FILL, {"system": UUID(int=1), "busy": BUSY, "seldom": SELDOM})
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        made = make_engine(url)
        yield made
        made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


PLAIN = text(
    """
    SELECT id, created_at FROM job
    WHERE (CAST(:states AS text[]) IS NULL OR CAST(state AS text) = ANY(:states))
      AND (CAST(:since AS timestamptz) IS NULL OR created_at >= :since)
      AND (CAST(:until AS timestamptz) IS NULL OR created_at <= :until)
      AND (CAST(:account_id AS uuid) IS NULL OR account_id = :account_id)
      AND (CAST(:resource_type AS text) IS NULL OR resource_type = :resource_type)
      AND (CAST(:resource_id AS uuid) IS NULL OR resource_id = :resource_id)
      AND (CAST(:keyword AS text) IS NULL OR command ILIKE '%' || :keyword || '%')
    ORDER BY created_at DESC, id DESC
    """
)
"""A filter's conditions, written down without a thought of speed."""


def plainly(session: Session, wanted: JobFilter) -> list[Position]:
    """Where each of the filter's jobs stands: no whole jobs, which take seconds to make of a hundred thousand rows."""
    states = None if wanted.states is None else [state.value for state in wanted.states]
    rows = session.execute(PLAIN, {**vars(wanted), "states": states})
    return [Position(row.created_at, row.id) for row in rows]


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS.keys())
def test_a_page_and_its_count_read_little_more_than_they_show(session: Session, wanted: JobFilter) -> None:
    branches = branches_of(session, wanted)
    for statement, most in ((page_of(branches, PAGE, 0), PAGE), (count_of(branches, COUNTED), COUNTED)):
        plan = plan_of(session, statement)
        assert not scanned(plan)
        # Each branch gives as many as are asked for, some are passed over for another filter, and the page is read.
        assert rows_read(plan) <= 4 * most * len(branches) + PAGE, json.dumps(plan, indent=1)


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS.keys())
def test_a_list_has_what_the_filter_says(session: Session, wanted: JobFilter) -> None:
    expected = [row.id for row in plainly(session, wanted)]
    assert expected, "a filter that nothing matches would show nothing"
    for offset in (0, PAGE, len(expected) - 1):
        jobs, count = list_jobs(session, wanted, limit=PAGE, offset=offset)
        assert [job.id for job in jobs] == list(expected[offset : offset + PAGE])
        assert count == min(len(expected), max(10_000, offset + PAGE) + 1)


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS.keys())
def test_reading_on_from_a_job_reads_little_more_than_it_shows(session: Session, wanted: JobFilter) -> None:
    """However deep: a position is looked up, where an offset is counted through."""
    everything = plainly(session, wanted)
    there = replace(wanted, past=everything[len(everything) * 9 // 10])
    branches = branches_of(session, there)
    plan = plan_of(session, page_of(branches, PAGE, 0))
    assert not scanned(plan)
    assert rows_read(plan) <= 4 * PAGE * len(branches) + PAGE, json.dumps(plan, indent=1)


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS.keys())
def test_reading_on_and_on_gets_each_job_once_and_in_order(session: Session, wanted: JobFilter) -> None:
    everything = plainly(session, wanted)
    before = max(0, len(everything) - LAST)
    past = everything[before - 1] if before else None
    size = max(1, min(len(everything), LAST) // 3)
    seen: list[UUID] = []
    while past or not seen:
        jobs, past = jobs_past(session, replace(wanted, past=past), size)
        seen += [job.id for job in jobs]
        session.rollback()  # as a reader of page after page: no transaction stays open between them
    assert seen == [position.id for position in everything[before:]]


def test_past_the_end_the_number_is_told_all_the_same(session: Session) -> None:
    wanted = JobFilter(account_id=SELDOM)
    assert list_jobs(session, wanted, limit=PAGE, offset=PAGE) == ([], JOBS // 10_000)
    assert list_jobs(session, JobFilter(keyword="no such command"), limit=PAGE) == ([], 0)


def test_whoever_reads_page_after_page_gets_all_of_them(session: Session) -> None:
    """As the client `cs` does: until it has as many as the newest number says."""
    seen: list[UUID] = []
    size, count = 5_000, 1
    while len(seen) < count:
        jobs, count = list_jobs(session, JobFilter(), limit=size, offset=len(seen))
        seen += [job.id for job in jobs]
        session.expunge_all()
    assert len(seen) == len(set(seen)) == JOBS + 20


def test_the_kinds_of_jobs_are_looked_up(session: Session) -> None:
    plan = plan_of(session, KINDS)
    assert not scanned(plan)
    assert rows_read(plan) <= 20


def test_forgetting_reads_what_it_forgets(session: Session) -> None:
    most = 100
    asked = {"days": 90, "ended_at": BEGINNING.ended_at, "id": BEGINNING.id, "most": most}
    plan = plan_of(session, LOCK_OLD, asked)
    assert "ix_job_finished" in {node.get("Index Name") for node in nodes(plan)}
    assert not scanned(plan)
    assert rows_read(plan) <= 4 * most
    ids = list(session.scalars(LOCK_OLD, asked))
    assert len(ids) == most
    plan = plan_of(session, WITH_LEFTOVERS, {"ids": ids})
    assert scanned(plan) <= {"vcenter", "volume"}, "neither has a row"
    assert rows_read(plan) <= 6 * most


def test_what_hangs_on_a_forgotten_job_is_found_by_indexes(session: Session) -> None:
    """The deletions that follow by themselves are in no plan; PostgreSQL counts them."""
    counted = text("SELECT relname, seq_scan, n_tup_del FROM pg_stat_xact_user_tables WHERE relname = ANY(:tables)")
    ids = list(session.scalars(LOCK_OLD, {"days": 90, "ended_at": "-infinity", "id": UUID(int=0), "most": 100}))
    before = {row.relname: row for row in session.execute(counted, {"tables": list(TABLES)})}
    session.execute(FORGET, {"ids": ids})
    after = {row.relname: row for row in session.execute(counted, {"tables": list(TABLES)})}
    session.rollback()
    assert {name: after[name].seq_scan - before[name].seq_scan for name in TABLES} == dict.fromkeys(TABLES, 0)
    deleted = {name: after[name].n_tup_del - before[name].n_tup_del for name in TABLES}
    assert deleted == {
        "job": 100,
        "job_attempt": 100,
        "outside_task": 100,
        "job_event": 200,
        "transfer": 100,
        "transfer_file": 100,
    }
