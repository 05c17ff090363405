"""What lives as long as a worker: each resident works from its start to its stop, beside any number of others."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
from sqlalchemy import text

from app.db import transaction
from app.jobs import watching
from app.jobs.states import JobState
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import Steps
from tests.integration.residing import alive
from tests.running.vcenter import RunningVCenter
from tests.running.waiting import until
from workers.forget import ForgetStep
from workers.sweep import SweepStep
from workers.sync import SyncStep
from workers.watch import WatchStep

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 20


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "VRELOCATE_WATCH_WAIT_SECONDS": "1", "VRELOCATE_SWEEP_INTERVAL_SECONDS": "0.1"}


@pytest.fixture
def steps(installation: None, simulated: RunningVCenter) -> Steps:
    assert installation is None
    return Steps(known.add(simulated), simulated)


def living() -> list[str]:
    """The residents' threads that there are."""
    return [it.name for it in threading.enumerate() if it.name.partition("-")[0] in {"watch", "sweep", "sync"}]


def leases() -> int:
    with transaction() as session:
        return int(session.scalars(text("SELECT count(*) FROM watch_lease")).one())


def settled(job_id: UUID) -> bool:
    return rows.tasks(job_id)[0].settled_at is not None


def test_what_runs_is_watched_to_its_end_by_one_of_them(steps: Steps, unused: InTurn) -> None:
    job_id = steps.ask_vm(unused.vm("slow"), "new")
    with alive(WatchStep(None), WatchStep(None)):
        assert steps.submit(job_id).state is JobState.RUNNING
        until(leases, DEADLINE_SECONDS, "somebody watches")
        assert leases() == 1
        until(lambda: settled(job_id), DEADLINE_SECONDS, "the end is seen")
        until(lambda: not leases(), DEADLINE_SECONDS, "the watch is given back when nothing runs")
    assert steps.finish(job_id).state is JobState.SUCCEEDED
    assert living() == []


def test_who_stops_gives_the_watch_back_and_the_next_takes_it_at_once(steps: Steps, unused: InTurn) -> None:
    """Without that the lease would have to run out first."""
    job_id = steps.ask_vm(unused.vm("slow"), "new")
    with steps.slowly():
        steps.submit(job_id)
        with alive(WatchStep(None)):
            until(lambda: rows.job(job_id).progress, DEADLINE_SECONDS, "it watches")
    assert leases() == 0
    assert living() == []
    with alive(WatchStep(None)):
        until(lambda: settled(job_id), DEADLINE_SECONDS, "the next one sees the end")
    assert steps.finish(job_id).state is JobState.SUCCEEDED


@pytest.mark.usefixtures("steps")
def test_nothing_runs_so_nobody_watches() -> None:
    step = WatchStep(None)
    step._look(threading.Event())
    assert leases() == 0
    assert living() == []
    assert watching.unwatched_systems() == []


def test_a_vcenter_is_read_when_it_is_due_by_one_of_them(steps: Steps) -> None:
    with transaction() as session:
        session.execute(text("UPDATE vcenter SET next_sync_at = now(), synced_at = NULL"))
    with alive(SyncStep(None), SyncStep(None)):
        until(lambda: known.vcenter(steps.vcenter_id).synced_at, DEADLINE_SECONDS, "it has been read")
    assert living() == []
    with transaction() as session:
        due = session.scalars(text("SELECT next_sync_at - now() > interval '4 minutes' FROM vcenter")).one()
    assert due


@pytest.mark.usefixtures("installation")
def test_a_sweep_rings_as_long_as_it_lives() -> None:
    with alive(SweepStep(None)):
        job_id = rows.new_job()
        until(lambda: rows.job(job_id).rung_at, DEADLINE_SECONDS, "it has been rung for")
    assert living() == []


def test_old_jobs_are_forgotten_by_whoever_lives(installation: None) -> None:
    assert installation is None
    job_id = rows.new_job()
    rows.end(job_id)
    with transaction() as session:
        session.execute(text("UPDATE job SET finished_at = now() - interval '1 year'"))
    with alive(ForgetStep(None), ForgetStep(None)):
        until(lambda: not rows.exists(job_id), DEADLINE_SECONDS, "the job is forgotten")
