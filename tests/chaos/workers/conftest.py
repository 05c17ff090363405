"""Database, broker and vCenter of the test's own, and worker processes that it may do anything to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.devstack.valkey import Valkey
from tests.chaos.workers.crew import Crew
from tests.integration import known
from tests.integration.migration.steps import Steps
from tests.running.databases import Databases
from tests.running.vcenter import RunningVCenter, running_vcenter

SCENARIO = Path(__file__).with_name("scenario.yaml")


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A database of the test's own: workers that are killed leave connections behind."""
    with databases.fresh() as url:
        yield url


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Valkey]:
    """A broker of the test's own."""
    with Valkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
def environment(database_url: str, broker: Valkey) -> dict[str, str]:
    """Leases of seconds, so that a test sees at once what is otherwise a matter of half a minute."""
    return {
        "VRELOCATE_LEASE_SECONDS": "3",
        "VRELOCATE_SWEEP_INTERVAL_SECONDS": "0.5",
        "VRELOCATE_WATCH_LEASE_SECONDS": "3",
        "VRELOCATE_WATCH_WAIT_SECONDS": "1",
        "VRELOCATE_RETRY_BASE_SECONDS": "1",
        "VRELOCATE_DATABASE_URL": database_url,
        "VRELOCATE_REDIS_URL": broker.url,
        "VRELOCATE_MASTER_KEY": Fernet.generate_key().decode(),
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture
def vcenter(tmp_path: Path) -> Iterator[RunningVCenter]:
    with running_vcenter(tmp_path, "--scenario", SCENARIO, "--admin", "127.0.0.1:0") as running:
        yield running


@pytest.fixture
def steps(installation: None, vcenter: RunningVCenter) -> Steps:
    """How the test asks for migrations and sees what becomes of them."""
    assert installation is None
    return Steps(known.add(vcenter), vcenter)


@pytest.fixture
def crew(environment: dict[str, str], tmp_path: Path) -> Iterator[Crew]:
    workers = Crew(tmp_path, environment)
    yield workers
    workers.kill_all()
    print(workers.said())  # noqa: T201  # pytest shows it when the test fails
