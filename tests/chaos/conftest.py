"""A whole installation to break: `vrelocate up` on a simulated vCenter that keeps a ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cs import CloudStack

from tests.running.faults import Faults
from tests.running.ledger import Ledger
from tests.running.up import Up
from tests.running.vcenter import RunningVCenter, running_vcenter
from tests.running.waiting import until

SCENARIO = Path(__file__).with_name("scenario.yaml")
RATE = "4000MB/s"  # of each datastore, as the scenario has it
RELOCATE, MOVE = "RelocateVM_Task", "MoveVirtualDisk_Task"


@dataclass
class Target:
    """What a test breaks, and how it looks whether all is well in spite of it."""

    up: Up
    vcenter: RunningVCenter
    client: CloudStack

    @property
    def ledger(self) -> Ledger:
        """What vCenter has been asked for."""
        return Ledger(self.vcenter)

    def migrate(self, *names: str) -> list[str]:
        """Have VMs (`vm-…`) and detached disks (`data-…`) moved to ds-new; return the jobs' ids."""
        [pool] = self.client.listStoragePools(name="ds-new", fetch_list=True)
        jobs = []
        for name in names:
            if name.startswith("vm-"):
                [vm] = self.client.listVirtualMachines(name=name, fetch_list=True)
                answer = self.client.migrateVirtualMachine(virtualmachineid=vm["id"], storageid=pool["id"])
            else:
                [volume] = self.client.listVolumes(name=name, fetch_list=True)
                answer = self.client.migrateVolume(volumeid=volume["id"], storageid=pool["id"])
            jobs.append(answer["jobid"])
        return jobs

    def relocating(self, *names: str) -> list[str]:
        """Have them moved as `migrate` does; return the jobs' ids when vCenter is at work on all of them at once.

        However long that takes: meanwhile nothing is copied, and nothing ends.
        """
        with Faults(self.vcenter).stalled("ds-old", RATE):
            jobs = self.migrate(*names)
            until(lambda: self.ledger.running() == len(names), 120, f"{len(names)} relocations run in vCenter")
        return jobs

    def over_in_vcenter(self) -> float:
        """Wait until vCenter has nothing more to do; return when that was (`time.monotonic`)."""
        until(lambda: self.ledger.running() == 0, 120, "vCenter's own end")
        return time.monotonic()

    def succeed(self, jobs: list[str], within_seconds: float) -> None:
        """Wait until every job is over, and see that each succeeded."""
        until(lambda: all(self.job(job)["jobstatus"] != 0 for job in jobs), within_seconds, "every job is over")
        assert {job: self.job(job)["jobresult"].get("errortext") for job in jobs} == dict.fromkeys(jobs)

    def job(self, job: str) -> dict[str, Any]:
        """Return what `queryAsyncJobResult` says."""
        answer: dict[str, Any] = self.client.queryAsyncJobResult(jobid=job)
        return answer

    def moved_once(self, *names: str) -> None:
        """See in the ledger that each was moved by one operation that overlapped with none."""
        operations = self.ledger.of(RELOCATE) | self.ledger.of(MOVE)
        for name in names:
            entity = name if name.startswith("vm-") else f"[ds-old] loose/{name}.vmdk"
            counts = operations[entity]
            assert (counts["started"], counts["succeeded"], counts.get("overlapping", 0)) == (1, 1, 0), (name, counts)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("chaos")
    with running_vcenter(folder, "--scenario", SCENARIO, "--admin", "127.0.0.1:0") as vcenter:
        up = Up(folder, "--vcenter", vcenter.url, "--username", vcenter.username, "--thumbprint", vcenter.thumbprint)
        try:
            ready = up.start(VRELOCATE_VCENTER_PASSWORD=vcenter.password)
            client = CloudStack(endpoint=ready["api_url"], key=ready["api_key"], secret=ready["secret_key"], retry=3)
            yield Target(up, vcenter, client)
        finally:
            assert up.stop() == 0
