"""Which VMDKs belong to nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.vsphere.facts import Datastore, Disk, DiskFormat, FirstClassDisk, LooseDisk, VirtualMachine
from app.vsphere.loose import loose_disks

pytestmark = pytest.mark.unit

DS = Datastore(
    moref="datastore-1",
    name="ds",
    datacenter_moref="datacenter-1",
    type="VMFS",
    url="ds:///vmfs/volumes/1/",
    capacity_bytes=1,
    free_bytes=1,
    uncommitted_bytes=0,
    accessible=True,
    maintenance_mode="normal",
    mounts=(),
)

DISK = Disk(
    key=2000,
    label="Hard disk 1",
    unit_number=0,
    controller_key=1000,
    uuid=None,
    path="[ds] vm/vm.vmdk",
    datastore_moref="datastore-1",
    capacity_bytes=1,
    thin=True,
    backing_kind="FlatVer2",
)

VM = VirtualMachine(
    moref="vm-1",
    name="vm",
    instance_uuid=None,
    uuid=None,
    power_state="poweredOff",
    connection_state="connected",
    host_moref=None,
    cluster_moref=None,
    datacenter_moref="datacenter-1",
    vm_path_name="[ds] vm/vm.vmx",
    home_datastore_moref="datastore-1",
    is_template=False,
    guest_id=None,
    cpu_count=1,
    memory_bytes=1,
    has_snapshots=False,
    disks=(DISK,),
    file_paths=frozenset({"[ds] vm/vm.vmx"}),
)


def file(path: str, datastore: Datastore = DS) -> LooseDisk:
    return LooseDisk(
        path=path,
        datastore_moref=datastore.moref,
        datacenter_moref=datastore.datacenter_moref,
        capacity_bytes=None,
        physical_bytes=None,
        thin=None,
        uuid=None,
        modified_at=None,
    )


def loose(*paths: str, vm: VirtualMachine = VM) -> list[str]:
    listed = {DS.moref: [file(path) for path in paths]}
    return [disk.path for disk in loose_disks(listed, [DS], [vm]).loose]


def test_what_no_vm_has_is_loose_even_beside_a_vms_files() -> None:
    assert loose("[ds] vm/vm.vmdk", "[ds] vm/detached.vmdk", "[ds] data.vmdk") == [
        "[ds] vm/detached.vmdk",
        "[ds] data.vmdk",
    ]


def test_every_file_of_a_vm_is_its_own_wherever_it_is_listed() -> None:
    chained = replace(DISK, path="[ds] vm/vm-000001.vmdk", chain=("[ds] base/base.vmdk",))
    vm = replace(VM, disks=(chained,), file_paths=frozenset({"[ds] vm/branch-000002.vmdk"}))
    assert loose("[ds] vm/vm-000001.vmdk", "[ds] base/base.vmdk", "[ds] vm/branch-000002.vmdk", vm=vm) == []


def test_the_way_a_path_is_written_does_not_matter() -> None:
    assert loose("[ds]/vm/vm.vmdk", "[ds]   vm/vm.vmdk") == []


@pytest.mark.parametrize(
    "vm",
    [replace(VM, config_known=False, disks=(), file_paths=frozenset()), replace(VM, file_paths=frozenset())],
    ids=["no configuration", "no list of files"],
)
def test_nothing_in_the_folder_of_a_vm_that_does_not_tell_its_files_is_loose(vm: VirtualMachine) -> None:
    assert loose("[ds] vm/vm.vmdk", "[ds] vm/perhaps.vmdk", "[ds] elsewhere/x.vmdk", vm=vm) == ["[ds] elsewhere/x.vmdk"]


def test_what_lies_beside_a_disk_of_such_a_vm_is_there_all_the_same() -> None:
    """A detached disk that was lent to a worker VM lies among others, which are nobody's still."""
    worker = replace(VM, disks=(replace(DISK, path="[ds] loose/lent.vmdk"),), file_paths=frozenset())
    listed = {DS.moref: [file(f"[ds] {path}.vmdk") for path in ("loose/lent", "loose/other", "vm/perhaps", "x/x")]}
    found = loose_disks(listed, [DS], [worker])
    assert [disk.path for disk in found.loose] == ["[ds] x/x.vmdk"]
    assert [disk.path for disk in found.unclear] == ["[ds] loose/other.vmdk", "[ds] vm/perhaps.vmdk"]


def test_first_class_disks_and_content_libraries_have_owners() -> None:
    others = ["[ds] fcd/a.vmdk", "[ds] contentlib-1/item/a.vmdk", "[ds] .dvsData/a.vmdk"]
    assert loose(*others, "[ds] fcd.vmdk", "[ds] vms/fcd/a.vmdk") == ["[ds] fcd.vmdk", "[ds] vms/fcd/a.vmdk"]


def test_a_datastore_of_two_datacenters_is_one() -> None:
    # Each datacenter has its own object and name for it; the url is the same.
    twin = replace(DS, moref="datastore-2", name="shared", datacenter_moref="datacenter-2")
    listed = {twin.moref: [file("[shared] vm/vm.vmdk", twin), file("[shared] x.vmdk", twin)]}
    assert [disk.path for disk in loose_disks(listed, [DS, twin], [VM]).loose] == ["[shared] x.vmdk"]


def test_namesakes_in_two_datacenters_are_two() -> None:
    namesake = replace(DS, moref="datastore-3", datacenter_moref="datacenter-2", url="ds:///vmfs/volumes/3/")
    listed = {namesake.moref: [file("[ds] vm/vm.vmdk", namesake)]}
    assert len(loose_disks(listed, [DS, namesake], [VM]).loose) == 1


def catalogued(path: str, *, consumers: tuple[str, ...] = (), datastore: Datastore = DS) -> FirstClassDisk:
    return FirstClassDisk(
        id=f"id of {path}",
        name="pvc",
        path=path,
        datastore_moref=datastore.moref,
        capacity_bytes=9,
        format=DiskFormat.EAGER,
        consumers=consumers,
    )


def first_class(*catalog: FirstClassDisk, listed: tuple[str, ...] = (), vm: VirtualMachine = VM) -> list[LooseDisk]:
    files = {DS.moref: [file(path) for path in listed]}
    return list(loose_disks(files, [DS], [vm], catalog).loose)


def test_a_first_class_disk_is_loose_wherever_its_file_lies() -> None:
    paths = ("[ds] fcd/a.vmdk", "[ds] volumes/b.vmdk")
    found = first_class(*map(catalogued, paths), listed=(*paths, "[ds] fcd/of-none.vmdk", "[ds] c.vmdk"))
    assert {disk.path: disk.fcd_id for disk in found} == {
        **{path: f"id of {path}" for path in paths},
        "[ds] c.vmdk": None,
    }
    assert {(disk.capacity_bytes, disk.format, disk.thin) for disk in found if disk.fcd_id} == {
        (9, DiskFormat.EAGER, False)
    }


def test_a_first_class_disk_whose_file_was_not_listed_is_told_by_its_catalog() -> None:
    [found] = first_class(catalogued("[ds] fcd/a.vmdk"))
    assert (found.fcd_id, found.physical_bytes, found.datacenter_moref) == (
        "id of [ds] fcd/a.vmdk",
        None,
        "datacenter-1",
    )


@pytest.mark.parametrize(
    ("catalog", "vm"),
    [
        # Its VM's host is away: only the catalog knows that somebody has it.
        (catalogued("[ds] fcd/a.vmdk", consumers=("vm-9",)), VM),
        (catalogued("[ds] fcd/a.vmdk"), replace(VM, disks=(replace(DISK, fcd_id="id of [ds] fcd/a.vmdk"),))),
        (catalogued("[ds] vm/vm.vmdk"), VM),
    ],
    ids=["by its catalog", "by its id", "by its path"],
)
def test_a_first_class_disk_that_a_vm_has_is_not_loose(catalog: FirstClassDisk, vm: VirtualMachine) -> None:
    assert first_class(catalog, vm=vm) == []
    assert first_class(catalog, listed=(catalog.path,), vm=vm) == []


def test_a_first_class_disk_on_a_datastore_of_two_datacenters_is_one() -> None:
    twin = replace(DS, moref="datastore-2", name="shared", datacenter_moref="datacenter-2")
    listed = {DS.moref: [file("[ds] fcd/a.vmdk")], twin.moref: [file("[shared] fcd/a.vmdk", twin)]}
    found = loose_disks(listed, [DS, twin], [VM], [catalogued("[ds] fcd/a.vmdk")]).loose
    assert [(disk.path, disk.datastore_moref) for disk in found] == [("[ds] fcd/a.vmdk", DS.moref)]
