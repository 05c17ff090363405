"""A stopped VM is relocated, and its task watched to its end.

Plain vcsim says "success", names the target in `vm.datastore`, and moves nothing: the VM's path, its disks' backings
and its files stay where they were. So there the suite checks that this is seen for what it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from app.vsphere.errors import DiskNotOnVm, ManagedObjectGone
from app.vsphere.facts import Datastore, DiskFormat, FaultClass, Inventory, TaskSnapshot, TaskState, VirtualMachine
from app.vsphere.inventory import disk_exists, read_vm
from app.vsphere.relocation import relocate_vm
from app.vsphere.session import Session
from app.vsphere.tasks import TaskWatch, cancel_task, read_task, running_tasks_of

if TYPE_CHECKING:
    from tests.contract.vsphere.conftest import VCenter

pytestmark = pytest.mark.contract

Follow = Callable[[str], list[TaskSnapshot]]


def elsewhere(inventory: Inventory, vm: VirtualMachine) -> Datastore:
    return next(datastore for datastore in inventory.datastores if datastore.moref != vm.home_datastore_moref)


def test_a_stopped_vm_moves_with_its_disks(
    vcenter: VCenter,
    session: Session,
    inventory: Inventory,
    machines: dict[str, VirtualMachine],
    follow: Follow,
) -> None:
    vm = machines["DC0_C0_RP0_VM0"]
    (disk,) = vm.disks
    target = elsewhere(inventory, vm)
    task = relocate_vm(session, vm.moref, home_datastore=target.moref, disks={disk.key: target.moref})
    assert follow(task)[-1].state is TaskState.SUCCESS

    now = read_vm(session, vm.moref)
    if vcenter.is_plain:
        assert (now.home_datastore_moref, now.vm_path_name, now.disks) == (
            vm.home_datastore_moref,
            vm.vm_path_name,
            vm.disks,
        )
        assert disk_exists(session, target.datacenter_moref, disk.path) is not None
        return
    (moved,) = now.disks
    assert now.home_datastore_moref == moved.datastore_moref == target.moref
    assert now.vm_path_name is not None
    assert now.vm_path_name.startswith(f"[{target.name}] ")
    assert moved.path.startswith(f"[{target.name}] ")
    assert all(path.startswith(f"[{target.name}] ") for path in now.file_paths)
    assert (moved.key, moved.uuid, moved.capacity_bytes, moved.thin) == (
        disk.key,
        disk.uuid,
        disk.capacity_bytes,
        disk.thin,
    )
    assert disk_exists(session, target.datacenter_moref, moved.path) is not None
    assert disk_exists(session, target.datacenter_moref, disk.path) is None


def test_the_home_alone_moves_and_the_disk_stays(
    vcenter: VCenter,
    session: Session,
    inventory: Inventory,
    machines: dict[str, VirtualMachine],
    follow: Follow,
) -> None:
    vm = machines["DC0_C0_RP0_VM1"]
    target = elsewhere(inventory, vm)
    task = relocate_vm(session, vm.moref, home_datastore=target.moref, disks={})
    assert follow(task)[-1].state is TaskState.SUCCESS
    now = read_vm(session, vm.moref)
    assert now.disks == vm.disks
    expected = vm.home_datastore_moref if vcenter.is_plain else target.moref
    assert now.home_datastore_moref == expected


def test_the_disk_alone_moves_and_the_home_stays(
    vcenter: VCenter,
    session: Session,
    inventory: Inventory,
    machines: dict[str, VirtualMachine],
    follow: Follow,
) -> None:
    vm = machines["DC0_C0_RP0_VM2"]
    target = elsewhere(inventory, vm)
    task = relocate_vm(session, vm.moref, home_datastore=None, disks={vm.disks[0].key: target.moref})
    assert follow(task)[-1].state is TaskState.SUCCESS
    now = read_vm(session, vm.moref)
    assert (now.home_datastore_moref, now.vm_path_name) == (vm.home_datastore_moref, vm.vm_path_name)
    expected = vm.home_datastore_moref if vcenter.is_plain else target.moref
    assert now.disks[0].datastore_moref == expected


def test_another_host_takes_the_vm_and_its_files_stay(
    session: Session, inventory: Inventory, machines: dict[str, VirtualMachine], follow: Follow
) -> None:
    vm = machines["DC0_C0_RP0_VM2"]
    here = read_vm(session, vm.moref)
    host = next(host for host in inventory.hosts if host.moref != here.host_moref)
    task = relocate_vm(session, vm.moref, home_datastore=None, disks={}, host=host.moref)
    assert follow(task)[-1].state is TaskState.SUCCESS
    now = read_vm(session, vm.moref)
    assert now.host_moref == host.moref
    assert (now.vm_path_name, now.disks) == (here.vm_path_name, here.disks)


def test_a_relocation_shows_its_progress_and_can_be_cancelled(
    vcenter: VCenter,
    session: Session,
    inventory: Inventory,
    machines: dict[str, VirtualMachine],
    follow: Follow,
) -> None:
    vm = machines["DC0_C0_RP0_VM3"]
    target = elsewhere(inventory, vm).moref
    task = relocate_vm(session, vm.moref, home_datastore=target, disks={vm.disks[0].key: target})
    if vcenter.is_plain:  # over before anybody can cancel it, and without progress
        assert follow(task)[-1].state is TaskState.SUCCESS
        return
    (running,) = running_tasks_of(session, vm.moref)
    assert (running.moref, running.cancelable) == (task, True)
    watch = TaskWatch(session)
    assert watch.watch([task]) == []
    progress: list[int] = []
    assert watch.wait(10)
    while len(progress) < 3:
        assert not any(seen.ended for seen in watch.wait(0)), f"over before it was seen to go on: {progress}"
        progress += [seen.progress for seen in watch.progress() if seen.progress is not None]
    assert progress == sorted(set(progress)), "each step is told once"
    watch.close()
    cancel_task(session, task)
    ended = follow(task)[-1]
    read = read_task(session, task)
    assert read is not None
    assert (read.state, read.cancelled) == (TaskState.ERROR, True)
    assert ended.fault is not None
    assert ended.fault.classification is FaultClass.CANCELLED
    assert running_tasks_of(session, vm.moref) == []
    assert read_vm(session, vm.moref) == vm


def test_what_is_not_there_cannot_be_relocated(
    session: Session, inventory: Inventory, machines: dict[str, VirtualMachine]
) -> None:
    vm = machines["DC0_C0_RP0_VM3"]
    target = elsewhere(inventory, vm).moref
    with pytest.raises(ManagedObjectGone, match="vm-987654"):
        relocate_vm(session, "vm-987654", home_datastore=target, disks={})
    with pytest.raises(DiskNotOnVm, match=vm.name):
        relocate_vm(session, vm.moref, home_datastore=None, disks={987654: target})
    assert read_vm(session, vm.moref) == vm


def test_a_disk_is_converted_where_that_is_asked_for(
    vcenter: VCenter,
    session: Session,
    inventory: Inventory,
    machines: dict[str, VirtualMachine],
    follow: Follow,
) -> None:
    vm = read_vm(session, machines["DC0_C0_RP0_VM0"].moref)
    (disk,) = vm.disks
    assert disk.format is DiskFormat.THIN
    for wanted in (DiskFormat.THICK, DiskFormat.EAGER, DiskFormat.THIN):
        there = elsewhere(inventory, read_vm(session, vm.moref)).moref
        task = relocate_vm(session, vm.moref, home_datastore=there, disks={disk.key: there}, formats={disk.key: wanted})
        assert follow(task)[-1].state is TaskState.SUCCESS
        (now,) = read_vm(session, vm.moref).disks
        expected = DiskFormat.THIN if vcenter.is_plain else wanted
        assert (now.uuid, now.capacity_bytes, now.format) == (disk.uuid, disk.capacity_bytes, expected)
