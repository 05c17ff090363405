"""A worker to be stopped while it holds a job's row: `python -m tests.integration.jobs.stopped_worker JOB HOW`.

It claims the job, locks its row in a transaction, prints its backend's process id, and goes on in that transaction once
it is given a line. At the end it prints `rolled back` or `committed`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from uuid import UUID

import app.db
from app.errors import ResourceUnavailable
from app.jobs.leases import claim_to_submit, held

# So that a test sees in seconds what is otherwise a matter of half a minute.
app.db.SILENCE_SECONDS, app.db.TRANSACTION_SECONDS = 1, 2

ENDLESS = "SELECT repeat('x', 100000), pg_sleep(0.002) FROM generate_series(1, 1000000)"
WRITE = "UPDATE job SET phase = 'written by one that was stopped' WHERE id = %s"


def told_to_go_on() -> bool:
    return bool(sys.stdin.readline())


def work(job_id: UUID, how: str) -> None:
    claim = claim_to_submit(job_id, "stopped")
    assert claim is not None
    with app.db.transaction() as session:
        held(session, claim)
        connection = session.connection()
        print(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one(), flush=True)  # noqa: T201
        match how:
            case "between statements":
                told_to_go_on()
            case "sending":
                # As SQLAlchemy does it with several rows, and as psycopg does it: each is sent as it comes.
                cursor = connection.connection.cursor()
                cursor.executemany(WRITE, rows_with_a_break(job_id))  # type: ignore[arg-type]  # psycopg takes iterators
            case "receiving":
                connection.exec_driver_sql(ENDLESS)
        connection.exec_driver_sql(WRITE, (job_id,))


def rows_with_a_break(job_id: UUID) -> Iterator[tuple[UUID]]:
    yield (job_id,)
    yield (job_id,)
    told_to_go_on()
    yield (job_id,)


if __name__ == "__main__":
    try:
        work(UUID(sys.argv[1]), sys.argv[2])
    except ResourceUnavailable:
        print("rolled back")  # noqa: T201
    else:
        print("committed")  # noqa: T201
