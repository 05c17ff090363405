"""A VM leaves the inventory without a loss and comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from app.vsphere.errors import ManagedObjectGone, VCenterFault
from app.vsphere.facts import Inventory, TaskSnapshot, TaskState, VirtualMachine
from app.vsphere.inventory import disk_exists, read_vm
from app.vsphere.registration import find_vm_by_instance_uuid, register_vm, unregister_vm
from app.vsphere.session import Session

if TYPE_CHECKING:
    from tests.contract.vsphere.conftest import VCenter

pytestmark = pytest.mark.contract

Follow = Callable[[str], list[TaskSnapshot]]


@pytest.fixture
def register(session: Session, inventory: Inventory) -> Callable[[VirtualMachine], str]:
    """Start registering a VM by what was known of it; the task."""

    def started(vm: VirtualMachine) -> str:
        assert vm.vm_path_name is not None
        assert vm.host_moref is not None
        host = vm.host_moref
        pool = session.call(lambda _: str(session.moref("HostSystem", host).parent.resourcePool._moId))
        return register_vm(
            session,
            vmx_path=vm.vm_path_name,
            datacenter=inventory.datacenters[0].moref,
            name=vm.name,
            host=host,
            pool=pool,
        )

    return started


def test_a_vm_is_found_by_its_instance_uuid(session: Session, machines: dict[str, VirtualMachine]) -> None:
    for vm in machines.values():
        assert vm.instance_uuid is not None
        assert find_vm_by_instance_uuid(session, vm.instance_uuid) == vm.moref
        assert vm.uuid is not None
        assert find_vm_by_instance_uuid(session, vm.uuid) is None  # that one is the BIOS's
    assert find_vm_by_instance_uuid(session, str(uuid4())) is None


def test_a_vm_leaves_the_inventory_with_its_files_in_place_and_comes_back(
    vcenter: VCenter,
    session: Session,
    machines: dict[str, VirtualMachine],
    register: Callable[[VirtualMachine], str],
    follow: Follow,
) -> None:
    vm = machines["DC0_C0_RP0_VM0"]
    assert vm.instance_uuid is not None
    assert vm.datacenter_moref is not None
    unregister_vm(session, vm.moref)
    unregister_vm(session, vm.moref)  # which is gone already
    with pytest.raises(ManagedObjectGone):
        read_vm(session, vm.moref)
    assert find_vm_by_instance_uuid(session, vm.instance_uuid) is None
    assert disk_exists(session, vm.datacenter_moref, vm.disks[0].path) is not None

    assert follow(register(vm))[-1].state is TaskState.SUCCESS
    back = find_vm_by_instance_uuid(session, vm.instance_uuid)
    assert back is not None
    now = read_vm(session, back)
    if vcenter.is_plain:  # which reads nothing in a .vmx file
        assert (now.name, now.disks) == (vm.name, ())
        return
    assert (now.name, now.uuid, now.vm_path_name, now.host_moref) == (vm.name, vm.uuid, vm.vm_path_name, vm.host_moref)
    (disk,), (same,) = vm.disks, now.disks
    assert replace(same, key=disk.key, label=disk.label, controller_key=disk.controller_key) == disk
    again = follow(register(vm))[-1]
    assert again.fault is not None
    assert again.fault.name == "AlreadyExists"


def test_a_running_vm_stays_registered(session: Session, machines: dict[str, VirtualMachine], follow: Follow) -> None:
    vm = machines["DC0_C0_RP0_VM1"]
    start = session.call(lambda _: str(session.moref("VirtualMachine", vm.moref).PowerOnVM_Task()._moId))
    assert follow(start)[-1].fault is None
    with pytest.raises(VCenterFault, match="InvalidPowerState"):
        unregister_vm(session, vm.moref)
    assert read_vm(session, vm.moref).power_state == "poweredOn"


def test_what_is_not_there_is_not_registered(
    session: Session, machines: dict[str, VirtualMachine], register: Callable[[VirtualMachine], str], follow: Follow
) -> None:
    never = replace(machines["DC0_C0_RP0_VM2"], name="never", vm_path_name="[LocalDS_0] never/never.vmx")
    ended = follow(register(never))[-1]
    assert ended.state is TaskState.ERROR
    assert ended.fault is not None
    assert ended.fault.name in {"NotFound", "FileNotFound"}
    with pytest.raises(ManagedObjectGone, match="datacenter-987654"):
        register_vm(
            session, vmx_path="[LocalDS_0] x/x.vmx", datacenter="datacenter-987654", name="x", host="h", pool="p"
        )
