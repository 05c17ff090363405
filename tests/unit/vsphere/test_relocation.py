"""A relocation names a place for everything, so that only what is asked for moves."""

from __future__ import annotations

import pytest

from app.vsphere.errors import DiskNotOnVm
from app.vsphere.facts import Disk, DiskFormat, VirtualMachine
from app.vsphere.relocation import placement

pytestmark = pytest.mark.unit


def disk(key: int, datastore: str | None) -> Disk:
    return Disk(
        key=key,
        label=f"Hard disk {key - 1999}",
        unit_number=key - 2000,
        controller_key=1000,
        uuid=None,
        path=f"[{datastore}] vm/{key}.vmdk",
        datastore_moref=datastore,
        capacity_bytes=2**30,
        thin=True,
        backing_kind="FlatVer2",
    )


def vm(*disks: Disk, home: str | None = "datastore-1") -> VirtualMachine:
    return VirtualMachine(
        moref="vm-1",
        name="app",
        instance_uuid=None,
        uuid=None,
        power_state="poweredOff",
        connection_state="connected",
        host_moref="host-1",
        cluster_moref="domain-c1",
        datacenter_moref="datacenter-1",
        vm_path_name="[datastore-1] vm/vm.vmx",
        home_datastore_moref=home,
        is_template=False,
        guest_id=None,
        cpu_count=1,
        memory_bytes=2**30,
        has_snapshots=False,
        disks=disks,
        file_paths=frozenset(),
    )


def test_the_home_alone_leaves_every_disk_pinned_where_it_is() -> None:
    wanted = placement(vm(disk(2000, "datastore-1"), disk(2001, "datastore-2")), home_datastore="datastore-9", disks={})
    assert wanted.home_datastore == "datastore-9"
    assert wanted.disks == {2000: "datastore-1", 2001: "datastore-2"}


def test_one_disk_alone_leaves_the_home_and_the_others() -> None:
    wanted = placement(
        vm(disk(2000, "datastore-1"), disk(2001, "datastore-1")), home_datastore=None, disks={2001: "datastore-9"}
    )
    assert wanted.home_datastore == "datastore-1"
    assert wanted.disks == {2000: "datastore-1", 2001: "datastore-9"}


def test_everything_at_once() -> None:
    wanted = placement(
        vm(disk(2000, "datastore-1"), disk(2001, "datastore-1")),
        home_datastore="datastore-9",
        disks={2000: "datastore-9", 2001: "datastore-8"},
    )
    assert wanted.home_datastore == "datastore-9"
    assert wanted.disks == {2000: "datastore-9", 2001: "datastore-8"}


def test_a_disk_without_a_datastore_is_not_mentioned() -> None:
    wanted = placement(vm(disk(2000, None)), home_datastore="datastore-9", disks={})
    assert wanted.disks == {}


def test_a_home_that_is_not_known_stays_unnamed() -> None:
    assert placement(vm(home=None), home_datastore=None, disks={}).home_datastore is None


def test_a_disk_that_the_vm_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(DiskNotOnVm, match=r"app has no disk 2005; its disks are 2000 \(Hard disk 1\)"):
        placement(vm(disk(2000, "datastore-1")), home_datastore=None, disks={2005: "datastore-9"})


def test_a_disk_is_converted_where_it_goes_and_where_it_is() -> None:
    formats = {2000: DiskFormat.EAGER, 2001: DiskFormat.THIN}
    wanted = placement(
        vm(disk(2000, "datastore-1"), disk(2001, "datastore-1"), disk(2002, "datastore-1")),
        home_datastore=None,
        disks={2000: "datastore-9"},
        formats=formats,
    )
    assert wanted.disks == {2000: "datastore-9", 2001: "datastore-1", 2002: "datastore-1"}
    assert wanted.formats == formats


def test_a_disk_to_convert_must_be_the_vms() -> None:
    with pytest.raises(DiskNotOnVm, match="app has no disk 2005"):
        placement(vm(disk(2000, "datastore-1")), home_datastore=None, disks={}, formats={2005: DiskFormat.THIN})
