"""Many workers at once try, end and sweep: never too many, and everybody is served."""

from __future__ import annotations

from random import Random
from uuid import UUID

import pytest
from sqlalchemy import text

from app.db import transaction
from app.jobs.states import JobState
from app.limits import default_limits
from app.migration.admission import limit_of
from tests.integration.jobs import rows
from tests.integration.jobs.at_once import at_once
from tests.integration.migration.line.crowd import Crowd
from tests.integration.migration.steps import NOTHING_TAKEN
from tests.integration.migration.steps import admission as taken

pytestmark = pytest.mark.integration

JOBS, WORKERS = 36, 4
DUE = "SELECT id FROM job WHERE state = 'queued' AND next_run_at <= now() ORDER BY id"


def due() -> list[UUID]:
    with transaction() as session:
        return list(session.execute(text(DUE)).scalars())


def slots() -> dict[str, int]:
    with transaction() as session:
        return {it.resource: it.n for it in session.execute(text("SELECT resource, count(*) n FROM slot GROUP BY 1"))}


def test_workers_that_try_end_and_sweep_at_once_serve_everybody(crowd: Crowd) -> None:
    dice = Random(JOBS)  # noqa: S311  # no secret
    jobs = [
        crowd.comes(
            dice.randrange(3),
            zone=dice.randrange(2),
            priority=dice.randrange(2),
            source=dice.randrange(2),
            target=2 + dice.randrange(3),
        )
        for _ in range(JOBS)
    ]
    most = 0
    # Each round at least one job ends, or gets its slots.
    for _ in range(3 * JOBS):
        trying, ending = due(), list(crowd.claims)
        dice.shuffle(trying)

        def work(number: int, trying: list[UUID] = trying, ending: list[UUID] = ending) -> int:
            """Try, end, or sweep, each in its own thread; returns by how many slots too many are out."""
            over = 0
            if number == 2 * WORKERS:
                crowd.sweeps()
            for job_id in (ending if number % 2 else trying)[number // 2 :: WORKERS] if number < 2 * WORKERS else ():
                if number % 2:
                    crowd.ends(job_id)
                else:
                    crowd.tries(job_id)
                over = max([over, *(n - limit_of(resource, default_limits()) for resource, n in slots().items())])
            return over

        assert max(at_once(2 * WORKERS + 1, work)) <= 0
        most = max(most, len(crowd.claims))
        crowd.sweeps()
        if all(rows.job(it).state is JobState.FAILED for it in jobs):
            break
    assert {rows.job(it).state for it in jobs} == {JobState.FAILED}, "each had its turn"
    assert most > 1, "several run at once"
    assert taken() == NOTHING_TAKEN
