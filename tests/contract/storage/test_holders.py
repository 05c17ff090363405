"""Which VMs have a disk: what keeps a detached one from being moved from under a VM."""

from __future__ import annotations

import pytest

from app.vsphere.errors import ManagedObjectGone
from app.vsphere.facts import Inventory, VirtualMachine
from app.vsphere.holders import Holder, holders_of
from app.vsphere.session import Session
from tests.running.vcenter import RunningVCenter

pytestmark = pytest.mark.contract


def test_the_vm_that_has_a_disk_is_named(session: Session, machines: dict[str, VirtualMachine]) -> None:
    for disk in machines["pinned"].disks:
        assert holders_of(session, disk.datastore_moref or "", disk.path) == [Holder("pinned", worker_of_job=None)]


def test_whoever_stands_on_a_disk_has_it_too(
    session: Session, machines: dict[str, VirtualMachine], vcenter: RunningVCenter
) -> None:
    """A snapshot's base, which a linked clone stands on as well; plain vcsim has no deltas, and clones in full."""
    golden = machines["golden"].disks[0]
    base = golden.chain[-1] if golden.chain else golden.path
    names = [holder.name for holder in holders_of(session, golden.datastore_moref or "", base)]
    assert names == (["golden"] if vcenter.admin is None else ["desk", "golden"])


def test_nobody_has_a_detached_disk(session: Session, inventory: Inventory) -> None:
    [loose] = [disk for disk in inventory.loose_disks if disk.path == "[ds-1] loose/data.vmdk"]
    assert holders_of(session, loose.datastore_moref, loose.path) == []


def test_a_datastore_that_is_gone_is_told(session: Session) -> None:
    with pytest.raises(ManagedObjectGone):
        holders_of(session, "datastore-0", "[ds] x.vmdk")
