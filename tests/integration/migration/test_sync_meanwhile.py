"""A sync that reads while a whole migration takes place: it has seen files at one time, and VMs at another."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

import app.inventory.sync
from app.jobs.states import JobState
from app.vsphere import facts
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.migration.faults.truth import disagreements
from tests.integration.migration.steps import Steps

pytestmark = pytest.mark.integration


def test_the_files_that_a_vm_had_before_are_no_new_volumes(
    steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were listed before the migration began; VMs were read, and all was written down, after it was over."""
    name, read = unused.vm("pair"), app.inventory.sync._read
    disks, old = known.disks(name), known.pool("old")

    def slowly(vcenter_id: UUID) -> facts.Inventory:
        assert steps.run(steps.ask_vm(name, "new")).state is JobState.SUCCEEDED
        seen = read(vcenter_id)
        listed = [
            replace(seen.loose_disks[0], path=disk.path, datastore_moref=old.moref, uuid=None, fcd_id=None)
            for disk in disks
        ]
        return replace(seen, loose_disks=[*seen.loose_disks, *listed])

    monkeypatch.setattr(app.inventory.sync, "_read", slowly)
    known.sync(steps.vcenter_id)
    assert disagreements(steps.vcenter_id) == []

    monkeypatch.setattr(app.inventory.sync, "_read", read)
    known.sync(steps.vcenter_id)
    assert disagreements(steps.vcenter_id) == []
