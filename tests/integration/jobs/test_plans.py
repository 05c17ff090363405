"""What workers ask every few seconds costs the same after a hundred thousand finished jobs as after ten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Engine, TextClause, text
from sqlalchemy.orm import Session

from app.db import make_engine
from app.jobs import line, queries, watch_queries
from app.jobs.models import LIVE_SQL
from app.migration import queries as migration_queries
from tests.integration.jobs.explained import nodes, plan_of, rows_read_of_tables, scanned
from tests.running.databases import Databases

pytestmark = pytest.mark.integration

FINISHED = 100_000
LIVE = 40

FILL = f"""
    SET session_replication_role = replica; -- no foreign key is looked at, for speed

    INSERT INTO job (id, command, state, subject, resource_type, resource_id, system_id, account_id, user_id, payload,
                     max_attempts, attempt, result, created_at, finished_at, work_began_at, deadline_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'migrateVolume', 'succeeded', 'volume:' || n, 'Volume', %(system)s,
           %(system)s, %(system)s, %(system)s, '{{}}', 5, 1, '{{}}', now() - n * interval '1 minute', now(),
           now() - n * interval '1 minute', now()
    FROM generate_series(1, {FINISHED}) n;

    INSERT INTO job (id, command, state, subject, resource_type, resource_id, system_id, account_id, user_id, payload,
                     max_attempts, attempt, waiting_for, lease_owner, lease_expires_at, work_began_at, deadline_at,
                     stop_wish, stop_wished_by, stop_wished_at)
    SELECT CASE WHEN state = 'queued' THEN lpad(to_hex({FINISHED} + n), 32, '0')::uuid ELSE gen_random_uuid() END,
           'migrateVolume', state, 'live:' || state || n, 'Volume', gen_random_uuid(), %(system)s,
           %(system)s, %(system)s, '{{}}', 5, 1, CASE WHEN state = 'queued' THEN 'pool:' || n %% 4 END,
           CASE WHEN state IN ('submitting', 'verifying') THEN 'w' END,
           CASE WHEN state IN ('submitting', 'verifying') THEN now() END,
           CASE WHEN state = 'running' THEN now() END, now(),
           CASE WHEN n %% 4 = 0 THEN 'cancel' END, CASE WHEN n %% 4 = 0 THEN 'somebody' END,
           CASE WHEN n %% 4 = 0 THEN now() END
    FROM generate_series(1, {LIVE}) n, unnest('{{queued,submitting,running,verifying}}'::job_state[]) state;

    INSERT INTO slot (resource, job_id)
    SELECT 'pool:' || row_number() OVER () %% 4, id FROM job WHERE state IN ('running', 'verifying');

    INSERT INTO slot_turn (resource, zone_id, account_id, taken_at)
    SELECT 'pool:' || n %% 4, gen_random_uuid(), gen_random_uuid(), now() FROM generate_series(1, 100) n;

    INSERT INTO job_attempt (job_id, number, worker, ended_at, outcome)
    SELECT id, 1, 'w', finished_at, CASE WHEN finished_at IS NOT NULL THEN 'succeeded' END FROM job;

    INSERT INTO outside_task (id, job_id, attempt, sequence, system_id, command, state, reference, settled_at)
    SELECT id, id, 1, 0, system_id, '{{}}',
           CASE WHEN finished_at IS NULL THEN 'running' ELSE 'success' END::task_state, 'task-1', finished_at FROM job;
"""

SWEEP = {"most": 200, "quiet_seconds": 15}
CLAIM = {"job_id": uuid4(), "owner": "w", "lease_seconds": 15}
SYSTEM = uuid4()
WAITING = UUID(int=FINISHED + 3)
"""A job that stands in line."""
ASKED: dict[str, tuple[TextClause, dict[str, Any]]] = {
    "ring for queued jobs": (line.RING_QUEUED, SWEEP),
    "ring for jobs left while submitting": (queries.RING_LEFT_SUBMITTING, SWEEP),
    "ring for jobs left while verifying": (queries.RING_LEFT_VERIFYING, SWEEP),
    "ring for jobs whose task has ended": (queries.RING_ENDED, SWEEP),
    "jobs whose stop is to be asked for": (queries.RING_STOPPING, {"most": 200, "again_seconds": 60}),
    "what is to stop now": (queries.TAKE_STOP, {"job_id": uuid4(), "again_seconds": 60}),
    "jobs whose time is over": (queries.OVERDUE, {"most": 200}),
    "call up": (line.CALL_UP, {"resources": ["pool:1", "pool:2"], "slots": [30, 30]}),
    "ahead in line": (line.AHEAD, {"resources": ["pool:1", "pool:2"], "job_id": WAITING}),
    "places in line": (line.PLACES, {"job_ids": [WAITING]}),
    "lines": (line.LINES, {}),
    "take a turn": (line.TAKE_TURN, {"resources": ["pool:1", "pool:2"], "job_id": WAITING}),
    "jobs with slots that must have none": (migration_queries.JOBS_WITH_STRAYS, {}),
    "claim to submit": (queries.CLAIM_TO_SUBMIT, CLAIM),
    "claim to finish": (queries.CLAIM_TO_FINISH, CLAIM),
    "unwatched systems": (watch_queries.UNWATCHED_SYSTEMS, {}),
    "followed tasks": (watch_queries.FOLLOWED_TASKS, {"system_id": SYSTEM}),
    "fresh tasks": (watch_queries.FRESH_TASKS, {"system_id": SYSTEM, "within_seconds": 10}),
    "settle": (
        queries.SETTLE_TASK,
        {"id": uuid4(), "state": "success", "fault": None, "fault_class": None, "message": None},
    ),
    "settle many": (
        watch_queries.SETTLE_TASKS,
        {"ids": [uuid4()], "states": ["error"], "faults": ["F"], "fault_classes": ["retry"], "messages": ["it failed"]},
    ),
    "save progress": (
        watch_queries.SAVE_PROGRESS,
        {"ids": [uuid4()], "states": ["running"], "progress": [5], "fence": 1, "owner": "w"},
    ),
}


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Iterator[Engine]:
    with databases.fresh() as url:
        with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
            connection.execute(FILL, {"system": SYSTEM})
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        made = make_engine(url)
        yield made
        made.dispose()


@pytest.mark.parametrize(("statement", "parameters"), ASKED.values(), ids=ASKED.keys())
def test_it_reads_live_rows_alone(engine: Engine, statement: TextClause, parameters: dict[str, Any]) -> None:
    with Session(engine) as session:
        plan = plan_of(session, statement, parameters)
    assert not scanned(plan) & {"job", "outside_task", "job_attempt"}
    assert rows_read_of_tables(plan) <= 12 * LIVE, json.dumps(plan, indent=1)


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (line.RING_QUEUED, "ix_job_due"),
        (queries.RING_LEFT_SUBMITTING, "ix_job_lease"),
        (queries.RING_LEFT_VERIFYING, "ix_job_lease"),
        (queries.RING_ENDED, "ix_job_running"),
        (queries.RING_STOPPING, "ix_job_stopping"),
        (queries.OVERDUE, "ix_job_deadline"),
    ],
)
def test_the_sweep_is_served_by_partial_indexes(engine: Engine, statement: TextClause, index: str) -> None:
    with Session(engine) as session:
        plan = plan_of(session, statement, {**SWEEP, "again_seconds": 60})
    assert index in {node.get("Index Name") for node in nodes(plan)}


def test_the_live_job_of_an_entity_is_found_by_its_index(engine: Engine) -> None:
    with Session(engine) as session:
        found = queries.live_job_on(session, "live:queued7")
        assert found is not None
        assert isinstance(found.id, UUID)
        statement = text(f"SELECT * FROM job WHERE subject = :subject AND {LIVE_SQL}")
        plan = plan_of(session, statement, {"subject": "live:queued7"})
    assert "uq_job_live_subject" in {node.get("Index Name") for node in nodes(plan)}
