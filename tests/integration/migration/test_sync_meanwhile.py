"""A sync that reads while a migration takes place: it has seen files at one time, and VMs at another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from uuid import UUID

import pytest

import app.inventory.sync
from app.inventory.models import StoragePool, Volume
from app.jobs.states import JobState
from app.vsphere import facts
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.migration.faults.truth import disagreements
from tests.integration.migration.steps import Steps
from tests.running.waiting import until

pytestmark = pytest.mark.integration

WAIT_SECONDS = 30


def sync_that_lists(steps: Steps, disks: Iterable[Volume], pool: StoragePool, meanwhile: Callable[[], None]) -> None:
    """Sync: files are listed first, and `disks` are on `pool` then; VMs are read after something was done meanwhile."""
    read = app.inventory.sync._read
    paths = [f"[{pool.name}] {disk.path.partition('] ')[2]}" for disk in disks]

    def slowly(vcenter_id: UUID) -> facts.Inventory:
        meanwhile()
        seen = read(vcenter_id)
        listed = [
            replace(seen.loose_disks[0], path=path, datastore_moref=pool.moref, uuid=None, fcd_id=None)
            for path in paths
        ]
        return replace(seen, loose_disks=[*seen.loose_disks, *listed])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(app.inventory.sync, "_read", slowly)
        known.sync(steps.vcenter_id)


def is_true(steps: Steps) -> None:
    """Assert that the records are what vCenter shows, after another sync too."""
    assert disagreements(steps.vcenter_id) == []
    known.sync(steps.vcenter_id)
    assert disagreements(steps.vcenter_id) == []


def test_the_files_that_a_vm_had_before_are_no_new_volumes(steps: Steps, unused: InTurn) -> None:
    """They were listed before the migration began; VMs were read, and all was written down, after it was over."""
    name = unused.vm("pair")

    def migrated() -> None:
        assert steps.run(steps.ask_vm(name, "new")).state is JobState.SUCCEEDED

    sync_that_lists(steps, known.disks(name), known.pool("old"), migrated)
    is_true(steps)


def test_the_files_of_a_vm_whose_job_is_not_verified_yet_are_no_new_volumes(steps: Steps, unused: InTurn) -> None:
    """vCenter has moved it between the two times, and nobody has looked at it for its job so far."""
    name = unused.vm("pair")
    job_id = steps.ask_vm(name, "new")
    disks = known.disks(name)

    def moved() -> None:
        steps.submit(job_id)
        steps.watch()

    sync_that_lists(steps, disks, known.pool("old"), moved)
    assert [known.volume(disk.path).id for disk in disks] == [disk.id for disk in disks]
    assert steps.finish(job_id).state is JobState.SUCCEEDED
    is_true(steps)


def test_a_half_written_copy_brings_no_removed_volume_back(steps: Steps, unused: InTurn) -> None:
    """Somebody had a detached disk in that very place, and deleted it long ago."""
    name = unused.vm("slow")
    disks = known.disks(name)
    copies = [disk.path.replace("[slow]", "[new]") for disk in disks]
    sync_that_lists(steps, disks, known.pool("new"), lambda: None)
    known.sync(steps.vcenter_id)
    assert [known.volume(path).removed_at is not None for path in copies] == [True]
    with steps.slowly():
        job_id = steps.ask_vm(name, "new")
        steps.submit(job_id)
        until(lambda: all(is_listed(steps, path) for path in copies), WAIT_SECONDS, "a copy is being written")
        known.sync(steps.vcenter_id)
        assert [known.volume(path).removed_at is not None for path in copies] == [True]
    steps.watch()
    assert steps.finish(job_id).state is JobState.SUCCEEDED
    is_true(steps)


def is_listed(steps: Steps, path: str) -> bool:
    """Say whether somebody who lists the files now sees that one."""
    return any(disk.path == path for disk in app.inventory.sync._read(steps.vcenter_id).loose_disks)
