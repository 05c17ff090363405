"""A simulated vCenter with a scenario made for one file of tests, and an installation that works with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import workers.watch
from app.devstack.valkey import Valkey
from tests.integration import known
from tests.integration.migration.steps import Steps
from tests.running.databases import Databases
from tests.running.installation import installed
from tests.running.vcenter import RunningVCenter, running_vcenter

DATASTORE = {"capacity": "1TiB", "rate": "5GB/s", "hosts": ["east"]}


@contextmanager
def vcenter_of(folder: Path, *, faults: object = (), **inventory: object) -> Iterator[RunningVCenter]:
    """Run a vCenter without limits: one cluster, its datastores `old` and `new`, and what `inventory` lists."""
    scenario = {
        "limits": {"tasks": 0, "host": 0, "datastore": 0, "fcd_host": 0, "fcd_datastore": 0},
        "datacenters": [
            {
                "name": "dc1",
                "clusters": [{"name": "east", "hosts": ["esx-e1", "esx-e2"]}],
                "datastores": [{"name": name, **DATASTORE} for name in ("old", "new")],
                **inventory,
            }
        ],
        "faults": faults,
    }
    planned = folder / "scenario.yaml"
    planned.write_text(json.dumps(scenario), encoding="utf-8")
    with running_vcenter(folder, "--scenario", planned, "--admin", "127.0.0.1:0") as vcenter:
        yield vcenter


@dataclass(frozen=True)
class Laboratory:
    """What an installation is made of."""

    databases: Databases
    valkey: Valkey
    master_key: str

    @contextmanager
    def working_with(self, vcenter: RunningVCenter, settings: Mapping[str, str]) -> Iterator[Steps]:
        """Have this process work with a vCenter, in a database of its own, with as many slots as it likes."""
        with self.databases.fresh() as database_url, pytest.MonkeyPatch.context() as patch:
            patch.setattr(workers.watch, "_POLLS_PER_SECOND", 100.0)
            slots = ("VCENTER", "HOST", "SOURCE_POOL", "TARGET_POOL")
            environment = {
                "VRELOCATE_DATABASE_URL": database_url,
                "VRELOCATE_REDIS_URL": self.valkey.url,
                "VRELOCATE_MASTER_KEY": self.master_key,
                "NO_PROXY": "127.0.0.1",
                "VRELOCATE_WATCH_WAIT_SECONDS": "1",
                **{f"VRELOCATE_SLOTS_PER_{of}": "10000" for of in slots},
                **settings,
            }
            with installed(environment):
                yield Steps(known.add(vcenter), vcenter)
