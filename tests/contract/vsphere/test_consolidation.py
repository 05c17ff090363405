"""What a snapshot's removal left behind is merged, and the VM says when there is something to merge.

Plain vcsim has no ConsolidateVMDisks_Task, and its snapshots have no disks. There the suite checks that the refusal is
one, and that nothing is said to need consolidation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from app.vsphere.consolidation import consolidate
from app.vsphere.errors import ManagedObjectGone, VCenterFault
from app.vsphere.facts import TaskSnapshot, TaskState, VirtualMachine
from app.vsphere.inventory import read_vm
from app.vsphere.session import Session

if TYPE_CHECKING:
    from tests.contract.vsphere.conftest import VCenter

pytestmark = pytest.mark.contract

Follow = Callable[[str], list[TaskSnapshot]]


def test_disks_that_a_removed_snapshot_left_are_merged(
    vcenter: VCenter, session: Session, machines: dict[str, VirtualMachine], follow: Follow
) -> None:
    vm = machines["DC0_C0_RP0_VM0"]
    assert not vm.consolidation_needed

    def snapshot(_content: object) -> str:
        machine = session.moref("VirtualMachine", vm.moref)
        return str(machine.CreateSnapshot_Task(name="before", memory=False, quiesce=False)._moId)

    def remove(_content: object) -> str:
        (tree,) = session.moref("VirtualMachine", vm.moref).snapshot.rootSnapshotList
        return str(tree.snapshot.RemoveSnapshot_Task(removeChildren=False, consolidate=False)._moId)

    assert follow(session.call(snapshot))[-1].fault is None
    assert follow(session.call(remove))[-1].fault is None
    left = read_vm(session, vm.moref)
    assert not left.has_snapshots
    if vcenter.is_plain:
        assert (left.consolidation_needed, left.disks) == (False, vm.disks)
        return
    assert (left.consolidation_needed, left.disks[0].chain) == (True, (vm.disks[0].path,))
    assert follow(consolidate(session, vm.moref))[-1].state is TaskState.SUCCESS
    now = read_vm(session, vm.moref)
    assert not now.consolidation_needed
    assert (now.disks[0].uuid, now.disks[0].chain) == (vm.disks[0].uuid, ())


def test_a_vm_without_anything_to_merge_stays_as_it_is(
    vcenter: VCenter, session: Session, machines: dict[str, VirtualMachine], follow: Follow
) -> None:
    vm = machines["DC0_C0_RP0_VM1"]
    if vcenter.is_plain:
        with pytest.raises(VCenterFault, match="MethodNotFound"):
            consolidate(session, vm.moref)
        return
    assert follow(consolidate(session, vm.moref))[-1].state is TaskState.SUCCESS
    assert read_vm(session, vm.moref) == vm
    with pytest.raises(ManagedObjectGone, match="vm-987654"):
        consolidate(session, "vm-987654")
