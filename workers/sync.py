"""The periodic sync: whichever worker comes first reads the inventory of a vCenter that is due.

Worker VMs that were left over are removed behind it.
"""

from __future__ import annotations

import threading

from app.inventory.sync import sync_vcenter
from app.inventory.vcenters import claim_due_sync
from app.migration.left_workers import remove_left_workers
from app.settings import settings
from workers.resident import Resident, ResidentStep

_LOOK_SECONDS = 5.0


class SyncStep(ResidentStep):
    """Each worker looks for a vCenter that is due; the claim is one UPDATE, so one of them reads it."""

    def make(self) -> Resident:
        """Return the reader."""
        return Resident("sync", _LOOK_SECONDS, _sync_due)


def _sync_due(over: threading.Event) -> None:
    while not over.is_set():
        vcenter_id = claim_due_sync(settings().sync_interval_seconds)
        if vcenter_id is None:
            return
        sync_vcenter(vcenter_id)
        remove_left_workers(vcenter_id)
