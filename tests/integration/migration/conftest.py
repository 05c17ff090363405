"""Migrations against a vCenter with a real database, step by step."""

from __future__ import annotations

import pytest

import workers.watch
from tests.integration import known
from tests.integration.migration.steps import Steps
from tests.integration.remembered import RememberedInventory
from tests.running.vcenter import RunningVCenter


@pytest.fixture(autouse=True)
def _watch_without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher rests between polls so that updates come in batches; here it would only rest."""
    monkeypatch.setattr(workers.watch, "_REST_SECONDS", 0.01)


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
