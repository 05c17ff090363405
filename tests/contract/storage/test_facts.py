"""What is read of VMs, disks and datastores beside their places: all that a check asks for."""

from __future__ import annotations

import pytest

from app.vsphere.facts import DiskFormat, Inventory, VirtualMachine
from app.vsphere.inventory import read_vm
from app.vsphere.session import Session
from tests.running.vcenter import RunningVCenter

pytestmark = pytest.mark.contract

MIB, GIB = 2**20, 2**30
Machines = dict[str, VirtualMachine]


def test_a_datastore_cluster_has_its_members(inventory: Inventory, vcenter: RunningVCenter) -> None:
    [pod] = inventory.storage_pods
    of_name = {datastore.name: datastore for datastore in inventory.datastores}
    assert (pod.name, pod.datacenter_moref, pod.automated) == ("pod-1", inventory.datacenters[0].moref, True)
    assert pod.members == {of_name["ds-3"].moref, of_name["ds-4"].moref}
    if vcenter.admin is not None:  # plain vcsim has no sums
        assert pod.capacity_bytes == of_name["ds-3"].capacity_bytes + of_name["ds-4"].capacity_bytes
        assert pod.free_bytes == of_name["ds-3"].free_bytes + of_name["ds-4"].free_bytes
    assert of_name["ds-3"].multiple_host_access is True


def test_images_in_drives_are_known(machines: Machines) -> None:
    drives = machines["drives"]
    assert (drives.iso_paths, drives.floppy_paths) == (("[ds-2] iso/x.iso",), ("[ds-2] x.flp",))


def test_a_linked_clone_hangs_on_files_of_its_source(machines: Machines, vcenter: RunningVCenter) -> None:
    """Plain vcsim makes a full clone, and its snapshots have no deltas."""
    assert machines["golden"].linked_to == ()
    desk = machines["desk"]
    if vcenter.admin is None:
        assert desk.linked_to == ()
    else:
        assert desk.linked_to == tuple(disk.chain[0] for disk in desk.disks)
        assert all("] golden/" in path for path in desk.linked_to)


def test_a_chain_has_the_format_and_the_size_of_all_its_links(machines: Machines, vcenter: RunningVCenter) -> None:
    thin, eager = machines["golden"].disks
    assert (thin.format, eager.format) == (DiskFormat.THIN, DiskFormat.EAGER)
    assert machines["golden"].has_snapshots
    if vcenter.admin is not None:  # plain vcsim takes a thin disk for a full one, and has no deltas
        assert (len(thin.chain), len(eager.chain)) == (1, 1)
        assert 72 * MIB <= (thin.physical_bytes or 0) < 73 * MIB
        assert GIB + 8 * MIB <= (eager.physical_bytes or 0) < GIB + 9 * MIB


def test_disks_that_several_vms_write_to_and_raw_devices_say_so(machines: Machines) -> None:
    multi, raw = machines["shared"].disks
    assert (multi.multi_writer, multi.shared_bus, multi.format) == (True, True, DiskFormat.EAGER)
    assert (multi.controller, multi.bus_number, multi.unit_number) == ("scsi", 0, 0)
    assert raw.backing_kind == "RawDiskMappingVer1"


def test_one_vm_read_alone_is_the_same(session: Session, machines: Machines) -> None:
    for vm in machines.values():
        assert read_vm(session, vm.moref) == vm


def test_detached_first_class_disks_are_loose_and_have_their_ids(inventory: Inventory) -> None:
    loose = {disk.path: disk for disk in inventory.loose_disks}
    assert inventory.fcd_datastores == {datastore.moref for datastore in inventory.datastores}
    assert loose["[ds-1] loose/data.vmdk"].fcd_id is None
    first_class = {disk.path: disk for disk in loose.values() if disk.fcd_id}
    assert {path.partition("/")[0] for path in first_class} == {"[ds-1] fcd", "[ds-1] volumes"}
    assert len({disk.fcd_id for disk in first_class.values()}) == 2
    archive = first_class["[ds-1] volumes/archive.vmdk"]
    assert (archive.format, archive.capacity_bytes) == (DiskFormat.THICK, 64 * MIB)
    assert archive.physical_bytes is not None
