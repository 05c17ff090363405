"""A First Class Disk is one volume, wherever it lies and whoever has it: it has an id of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select, text

from app.db import transaction
from app.inventory.models import Volume
from app.vsphere.facts import Inventory
from app.vsphere.pyvmomi import VimObject, vim
from tests.integration import known
from tests.integration.operating import Operator

pytestmark = pytest.mark.integration


def volume_of(fcd_id: str) -> Volume:
    with transaction() as session:
        return session.scalars(select(Volume).where(Volume.fcd_id == fcd_id)).one()


def ids(operator: Operator) -> dict[str, str]:
    """The ids of the First Class Disks on `old`, by name."""

    def ask(content: VimObject) -> dict[str, str]:
        manager, datastore = content.vStorageObjectManager, operator.datastore(known.pool("old").moref)
        listed = [manager.RetrieveVStorageObject(it, datastore) for it in manager.ListVStorageObject(datastore)]
        return {found.config.name: found.config.id.id for found in listed}

    return operator.session.call(ask)


def relocate(operator: Operator, fcd_id: str, target: str) -> None:
    def ask(content: VimObject) -> VimObject:
        backing = vim.vslm.CreateSpec.DiskFileBackingSpec(datastore=operator.datastore(known.pool(target).moref))
        return content.vStorageObjectManager.RelocateVStorageObject_Task(
            id=vim.vslm.ID(id=fcd_id),
            datastore=operator.datastore(known.pool("old").moref),
            spec=vim.vslm.RelocateSpec(backingSpec=backing),
        )

    operator.do(ask)


def attach(operator: Operator, fcd_id: str, vm: str) -> None:
    datastore = operator.datastore(known.pool("old").moref)
    operator.do(lambda _: operator.vm(vm).AttachDisk_Task(diskId=vim.vslm.ID(id=fcd_id), datastore=datastore))


@pytest.mark.usefixtures("vcenter_id")
def test_a_detached_one_is_a_volume_wherever_its_file_lies(operator: Operator) -> None:
    fcds = ids(operator)
    pvc, archive = volume_of(fcds["pvc-01"]), volume_of(fcds["archive"])
    assert pvc.path.startswith("[old] fcd/")
    assert (pvc.format, pvc.thin, pvc.vm_id, pvc.capacity_bytes) == ("thin", True, None, 64 * 2**20)
    assert pvc.physical_bytes == 32 * 2**20
    assert (archive.path, archive.format, archive.thin) == ("[old] volumes/archive.vmdk", "thick", False)
    assert known.volume("[old] loose/data-01.vmdk").fcd_id is None


def test_one_that_was_relocated_keeps_its_volume(vcenter_id: UUID, operator: Operator) -> None:
    fcd = ids(operator)["pvc-02"]
    before = volume_of(fcd)
    relocate(operator, fcd, "new")
    known.sync(vcenter_id)
    after = volume_of(fcd)
    assert (after.id, after.pool_id, after.removed_at) == (before.id, known.pool("new").id, None)
    assert after.path.startswith("[new] fcd/")


def test_one_that_is_attached_and_detached_keeps_its_volume(vcenter_id: UUID, operator: Operator) -> None:
    fcd, vm = ids(operator)["pvc-03"], known.vm("vm-01")
    before = volume_of(fcd)
    attach(operator, fcd, vm.moref)
    known.sync(vcenter_id)
    attached = volume_of(fcd)
    assert (attached.id, attached.vm_id) == (before.id, vm.id)
    assert len(known.disks("vm-01")) == 2
    operator.do(lambda _: operator.vm(vm.moref).DetachDisk_Task(diskId=vim.vslm.ID(id=fcd)))
    known.sync(vcenter_id)
    loose = volume_of(fcd)
    assert (loose.id, loose.vm_id, loose.device_key, loose.removed_at) == (before.id, None, None, None)


def test_one_that_was_deleted_is_marked(vcenter_id: UUID, operator: Operator) -> None:
    fcd = ids(operator)["pvc-04"]
    volume, datastore = volume_of(fcd), operator.datastore(known.pool("old").moref)
    operator.do(lambda content: content.vStorageObjectManager.DeleteVStorageObject_Task(vim.vslm.ID(id=fcd), datastore))
    known.sync(vcenter_id)
    assert known.volume_of_id(volume.id).removed_at is not None


def test_one_on_a_datastore_whose_catalog_could_not_be_read_stays(
    operator: Operator, shown: Inventory, take_in: Callable[[Inventory], None]
) -> None:
    """Its file is listed yet, outside of `fcd/`: it is not taken for a disk of another kind."""
    fcds, old = ids(operator), known.pool("old").moref
    files = [disk for disk in shown.loose_disks if not disk.fcd_id or disk.path.startswith("[old] volumes/")]
    unknown = tuple(replace(disk, fcd_id=None) for disk in files)
    before = volume_of(fcds["pvc-05"]), volume_of(fcds["archive"])
    take_in(replace(shown, loose_disks=unknown, fcd_datastores=shown.fcd_datastores - {old}))
    after = volume_of(fcds["pvc-05"]), volume_of(fcds["archive"])
    assert [(it.id, it.removed_at) for it in after] == [(it.id, None) for it in before]


def test_a_file_that_is_none_any_more_is_a_volume_like_any_other(
    operator: Operator, shown: Inventory, take_in: Callable[[Inventory], None]
) -> None:
    archive = volume_of(ids(operator)["archive"])
    plain = tuple(replace(disk, fcd_id=None) if disk.fcd_id == archive.fcd_id else disk for disk in shown.loose_disks)
    take_in(replace(shown, loose_disks=plain))
    after = known.volume_of_id(archive.id)
    assert (after.fcd_id, after.path, after.removed_at) == (None, archive.path, None)


def test_one_that_a_migration_moves_is_left_to_it(vcenter_id: UUID, operator: Operator) -> None:
    fcd = ids(operator)["pvc-06"]
    before = volume_of(fcd)
    with transaction() as session:
        session.execute(
            text("UPDATE volume SET moving_to = :target, moved_by = gen_random_uuid() WHERE id = :id"),
            {"id": before.id, "target": before.path.replace("[old]", "[new]")},
        )
    relocate(operator, fcd, "new")
    known.sync(vcenter_id)
    after = volume_of(fcd)
    assert (after.id, after.path, after.pool_id) == (before.id, before.path, before.pool_id)
