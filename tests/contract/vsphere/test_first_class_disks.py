"""First Class Disks are listed, found by their id wherever they are, and moved.

Plain vcsim has everything but the move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from app.vsphere.disks import delete_disk
from app.vsphere.errors import VCenterFault
from app.vsphere.facts import DiskFormat, FirstClassDisk, Inventory, TaskSnapshot, TaskState, VirtualMachine
from app.vsphere.first_class_disks import find_first_class_disk, first_class_disks, relocate_first_class_disk
from app.vsphere.inventory import disk_exists
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.session import Session

if TYPE_CHECKING:
    from tests.contract.vsphere.conftest import VCenter

pytestmark = pytest.mark.contract

Follow = Callable[[str], list[TaskSnapshot]]
Made = Callable[..., FirstClassDisk]

MIB = 1024 * 1024


@pytest.fixture
def datastores(inventory: Inventory) -> list[str]:
    return [datastore.moref for datastore in sorted(inventory.datastores, key=lambda datastore: datastore.name)]


@pytest.fixture
def made(session: Session, datastores: list[str], follow: Follow) -> Made:
    """Make a First Class Disk of 64 MiB on the first datastore; what is told of it."""

    def disk(name: str, provisioning: str = "thin") -> FirstClassDisk:
        spec = vim.vslm.CreateSpec(name=name, capacityInMB=64, keepAfterDeleteVm=True)

        def start(content: VimObject) -> str:
            spec.backingSpec = vim.vslm.CreateSpec.DiskFileBackingSpec(
                datastore=session.moref("Datastore", datastores[0]), provisioningType=provisioning
            )
            return str(content.vStorageObjectManager.CreateDisk_Task(spec=spec)._moId)

        assert follow(session.call(start))[-1].fault is None
        (one,) = (disk for disk in first_class_disks(session, datastores[0]) if disk.name == name)
        return one

    return disk


@pytest.fixture
def move(session: Session, datastores: list[str]) -> Callable[[FirstClassDisk], str]:
    """Start moving a disk to the second datastore; the task."""

    def started(disk: FirstClassDisk) -> str:
        return relocate_first_class_disk(
            session,
            disk_id=disk.id,
            source_datastore=disk.datastore_moref,
            target_datastore=datastores[1],
            disk_format=disk.format,
        )

    return started


def test_a_disk_is_told_and_found_by_its_id(
    vcenter: VCenter, session: Session, inventory: Inventory, datastores: list[str], made: Made
) -> None:
    disk = made("told")
    assert (disk.datastore_moref, disk.capacity_bytes, disk.format) == (datastores[0], 64 * MIB, DiskFormat.THIN)
    assert disk.consumers == ()
    assert disk.path.startswith("[LocalDS_0] ")
    assert disk_exists(session, inventory.datacenters[0].moref, disk.path) is not None
    assert disk not in first_class_disks(session, datastores[1])
    assert find_first_class_disk(session, disk.id, reversed(datastores)) == disk
    assert find_first_class_disk(session, disk.id, datastores[1:]) is None
    assert find_first_class_disk(session, str(uuid4()), datastores) is None
    if not vcenter.is_plain:  # which has no look at its datastore
        with pytest.raises(VCenterFault, match="InvalidDatastore"):
            first_class_disks(session, "datastore-987654")


FORMATS = {
    "thin": DiskFormat.THIN,
    "lazyZeroedThick": DiskFormat.THICK,
    "eagerZeroedThick": DiskFormat.EAGER,
}


@pytest.mark.parametrize("provisioning", FORMATS)
def test_a_detached_disk_moves_and_stays_what_it_is(
    vcenter: VCenter,
    session: Session,
    made: Made,
    move: Callable[[FirstClassDisk], str],
    provisioning: str,
    *,
    inventory: Inventory,
    datastores: list[str],
    follow: Follow,
) -> None:
    disk = made(f"moving {provisioning}", provisioning)
    assert disk.format is FORMATS[provisioning]
    if vcenter.is_plain:
        with pytest.raises(VCenterFault, match="MethodNotFound"):
            move(disk)
        return
    assert follow(move(disk))[-1].state is TaskState.SUCCESS
    moved = find_first_class_disk(session, disk.id, datastores)
    assert moved is not None
    assert moved.path.startswith("[LocalDS_1] ")
    assert replace(moved, path=disk.path, datastore_moref=disk.datastore_moref) == disk
    datacenter = inventory.datacenters[0].moref
    assert disk_exists(session, datacenter, moved.path) is not None
    assert disk_exists(session, datacenter, disk.path) is None


def test_a_disk_of_a_vm_names_its_consumer_and_does_not_move(
    vcenter: VCenter,
    session: Session,
    made: Made,
    move: Callable[[FirstClassDisk], str],
    machines: dict[str, VirtualMachine],
    *,
    datastores: list[str],
    follow: Follow,
) -> None:
    disk, vm = made("attached"), machines["DC0_C0_RP0_VM0"]

    def attach(_content: VimObject) -> str:
        machine, datastore = session.moref("VirtualMachine", vm.moref), session.moref("Datastore", datastores[0])
        return str(machine.AttachDisk_Task(diskId=vim.vslm.ID(id=disk.id), datastore=datastore)._moId)

    assert follow(session.call(attach))[-1].fault is None
    attached = find_first_class_disk(session, disk.id, datastores)
    assert attached == replace(disk, consumers=(vm.uuid,))
    if vcenter.is_plain:
        return
    refused = follow(move(disk))[-1].fault
    assert refused is not None
    assert refused.name == "InvalidState"
    assert find_first_class_disk(session, disk.id, datastores) == attached


def test_a_disk_whose_file_is_gone_is_left_out(
    session: Session, inventory: Inventory, datastores: list[str], made: Made, follow: Follow
) -> None:
    stale, other = made("stale"), made("other")
    follow(delete_disk(session, stale.path, inventory.datacenters[0].moref))
    listed = first_class_disks(session, datastores[0])
    assert other in listed
    assert stale.id not in {disk.id for disk in listed}
    assert find_first_class_disk(session, stale.id, datastores) is None
