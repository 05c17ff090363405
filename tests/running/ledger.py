"""The simulated vCenter's ledger: what was really asked of it, whatever the program under test says."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.running.vcenter import RunningVCenter


@dataclass(frozen=True)
class Ledger:
    """Reads the ledger afresh with every question."""

    vcenter: RunningVCenter

    def _read(self) -> dict[str, Any]:
        assert self.vcenter.admin, "start the simulated vCenter with --admin"
        # Not httpx: it loads every certificate authority for each call, plain HTTP or not.
        with urllib.request.urlopen(f"{self.vcenter.admin}/vrelocate/ledger", timeout=10) as answer:  # noqa: S310  # ours
            content: dict[str, Any] = json.load(answer)
        return content

    def running(self) -> int:
        """Return how many tasks are at work now."""
        return int(self._read()["running"])

    def of(self, method: str) -> dict[str, dict[str, int]]:
        """Return the counts of a method by entity: started, succeeded, failed, cancelled, overlapping."""
        operations: dict[str, dict[str, int]] = self._read()["operations"].get(method, {})
        return operations

    def total(self, method: str, what: str) -> int:
        """Return one count of a method over all entities."""
        return sum(counts.get(what, 0) for counts in self.of(method).values())

    def written_bytes(self, datastore: str) -> int:
        """Return what copies have written to a datastore."""
        return int(self._read()["datastores"][datastore]["written_bytes"])
