"""One installation and one simulated vCenter for the whole campaign."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import workers.watch
from app.devstack.valkey import Valkey
from tests.integration import known
from tests.integration.migration.faults.campaign import MOST_ATTEMPTS, Campaign, scenario
from tests.integration.migration.steps import Steps
from tests.running.databases import Databases
from tests.running.installation import installed
from tests.running.vcenter import RunningVCenter, running_vcenter

MANY = "10000"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVCenter]:
    """A vCenter with a VM or a disk for each case."""
    folder = tmp_path_factory.mktemp("simulated")
    planned = folder / "scenario.yaml"
    planned.write_text(json.dumps(scenario()), encoding="utf-8")
    with running_vcenter(folder, "--scenario", planned, "--admin", "127.0.0.1:0") as vcenter:
        yield vcenter


@pytest.fixture(scope="module")
def campaign(simulated: RunningVCenter, databases: Databases, valkey: Valkey, master_key: str) -> Iterator[Campaign]:
    """The campaign, over; its installation stays, so that records can be read."""
    with databases.fresh() as database_url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers.watch, "_REST_SECONDS", 0.01)
        environment = {
            "VRELOCATE_DATABASE_URL": database_url,
            "VRELOCATE_REDIS_URL": valkey.url,
            "VRELOCATE_MASTER_KEY": master_key,
            "NO_PROXY": "127.0.0.1",
            "VRELOCATE_WATCH_WAIT_SECONDS": "1",
            "VRELOCATE_RETRY_MAX_ATTEMPTS": str(MOST_ATTEMPTS),
            "VRELOCATE_RETRY_BASE_SECONDS": "1000",
            **{f"VRELOCATE_SLOTS_PER_{of}": MANY for of in ("VCENTER", "HOST", "SOURCE_POOL", "TARGET_POOL")},
        }
        with installed(environment):
            yield Campaign(Steps(known.add(simulated), simulated))
