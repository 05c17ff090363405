"""Migrations against a vCenter with a real database, step by step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

import workers.watch
from app.db import transaction
from app.jobs.models import Job, JobEvent
from tests.integration import known
from tests.integration.jobs import rows
from tests.integration.migration.steps import Steps
from tests.integration.remembered import RememberedInventory
from tests.running.vcenter import RunningVCenter


@pytest.fixture(autouse=True)
def _watch_without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher rests between polls so that updates come in batches; here it would only rest."""
    monkeypatch.setattr(workers.watch, "_POLLS_PER_SECOND", 100.0)


@pytest.fixture(autouse=True)
def _histories_tell_every_move(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test does to a job that was asked for: its history leads to the state that it is in."""
    if "installation" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("installation")
    yield
    with transaction() as session:
        asked_for = session.scalars(select(Job).join(JobEvent).where(JobEvent.kind == "accepted")).all()
        states = {job.id: job.state for job in asked_for}
    assert {job_id: rows.replayed(job_id) for job_id in states} == states


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "VRELOCATE_WATCH_WAIT_SECONDS": "1"}


@pytest.fixture
def steps(installation: None, database_url: str, simulated: RunningVCenter, remembered: RememberedInventory) -> Steps:
    """The steps of jobs on the simulated vCenter."""
    assert installation is None
    return Steps(remembered.put_into(database_url), simulated)


@pytest.fixture
def plain_steps(installation: None, plain: RunningVCenter) -> Steps:
    """The steps of jobs on vcsim as govmomi ships it."""
    assert installation is None
    return Steps(known.add(plain, "plain"), plain)
