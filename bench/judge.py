"""The judge: the simulated vCenter's own account of what it was asked, and of when each relocation ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from app.vsphere.collector import property_spec, retrieve, traversal
from app.vsphere.endpoint import Endpoint
from app.vsphere.pyvmomi import utc, vim
from app.vsphere.session import Session
from tests.running.ledger import Ledger
from tests.running.vcenter import RunningVCenter


@dataclass(frozen=True)
class Asked:
    """What was asked of vCenter up to a moment."""

    calls: int
    """Of the API, and requests of HTTP that are none."""
    polls: int
    """Of those, calls that wait for updates."""

    def __sub__(self, before: Asked) -> Asked:
        """Return what was asked since."""
        return Asked(self.calls - before.calls, self.polls - before.polls)


@dataclass(frozen=True)
class Judge:
    """Looks at one simulated vCenter."""

    vcenter: RunningVCenter

    def asked(self) -> Asked:
        """Return all that was asked so far."""
        page = Ledger(self.vcenter).page()
        requests = sum(count.count for count in page.requests.values())
        return Asked(sum(page.calls.values()) + requests, page.polls)

    def by_method(self) -> dict[str, int]:
        """Return all calls so far by method."""
        return Ledger(self.vcenter).page().calls

    def at_work(self) -> int:
        """Return how many tasks are at work."""
        return Ledger(self.vcenter).page().working

    def ends(self) -> dict[str, float]:
        """Return when the relocation of each VM ended, by its name, in seconds of the epoch.

        This asks vCenter: not while calls are being counted.
        """
        endpoint = Endpoint(
            self.vcenter.url, self.vcenter.username, SecretStr(self.vcenter.password), self.vcenter.thumbprint
        )
        session = Session(endpoint, timeout_seconds=120)
        try:
            found: dict[str, Any] = dict(
                retrieve(
                    session,
                    "TaskManager",
                    session.content.taskManager._moId,
                    [
                        property_spec(vim.TaskManager, ["maxCollector"]),
                        property_spec(vim.Task, ["info.entityName", "info.completeTime", "info.descriptionId"]),
                    ],
                    select=[traversal(vim.TaskManager, "recentTask")],
                )
            )
        finally:
            session.close()
        ends = {}
        for told in found.values():
            completed = utc(told.get("info.completeTime"))
            if completed is not None and told["info.descriptionId"] == "VirtualMachine.relocate":
                ends[told["info.entityName"]] = completed.timestamp()
        return ends
