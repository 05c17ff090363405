"""Snapshots and linked clones: snapshot.create, tree, revert, remove, vm.clone, vm.clone -link."""

from __future__ import annotations

import pytest

from tests.running.govc import Govc

pytestmark = pytest.mark.contract

GIB = 1 << 30


def disk_of(govc: Govc, vm: str) -> tuple[str, str | None]:
    """Return the path of a VM's only disk, and of the disk that it is the delta of."""
    (disk,) = govc.json("device.info", "-vm", vm, "disk-*")["devices"]
    parent = disk["backing"].get("parent")
    return disk["backing"]["fileName"], parent["fileName"] if parent else None


def test_snapshot_create_and_tree(govc: Govc) -> None:
    assert govc("snapshot.tree", "-c=false", "-vm", "vm-01") == ""
    govc("snapshot.create", "-vm", "vm-01", "-m=false", "one")
    govc("snapshot.create", "-vm", "vm-01", "-m=false", "-d", "the second", "two")
    assert govc("snapshot.tree", "-c=false", "-vm", "vm-01") == "one\n  two\n", "two is a child of one"
    assert govc("snapshot.tree", "-c=false", "-vm", "vm-01", "-C") == "two\n"
    tree = govc.property("vm/vm-01", "snapshot")["rootSnapshotList"][0]
    assert (tree["name"], tree["childSnapshotList"][0]["description"]) == ("one", "the second")


def test_a_snapshot_puts_a_delta_on_top_of_each_disk(govc: Govc) -> None:
    govc("snapshot.create", "-vm", "vm-02", "-m=false", "one")
    assert disk_of(govc, "vm-02") == ("[ds-1] vm-02/vm-02-000001.vmdk", "[ds-1] vm-02/vm-02.vmdk")
    assert {"vm-02-000001.vmdk", "vm-02.vmdk", "vm-02-flat.vmdk"} <= govc.files("ds-1", "vm-02")
    assert any(name.endswith(".vmsn") for name in govc.files("ds-1", "vm-02"))


def test_snapshot_remove_consolidates(govc: Govc) -> None:
    before = govc.files("ds-1", "vm-03")
    govc("snapshot.create", "-vm", "vm-03", "-m=false", "one")
    assert govc.files("ds-1", "vm-03") > before
    govc("snapshot.remove", "-vm", "vm-03", "one")
    assert govc("snapshot.tree", "-c=false", "-vm", "vm-03") == ""
    assert govc.disks("vm-03") == ["[ds-1] vm-03/vm-03.vmdk"]
    assert {name for name in govc.files("ds-1", "vm-03") if "-00000" in name or name.endswith(".vmsn")} == set()


def test_snapshot_remove_of_one_in_between(govc: Govc) -> None:
    for name in ("one", "two", "three"):
        govc("snapshot.create", "-vm", "vm-04", "-m=false", name)
    govc("snapshot.remove", "-vm", "vm-04", "two")
    assert govc("snapshot.tree", "-c=false", "-vm", "vm-04") == "one\n  three\n"
    govc.refused("snapshot.remove", "-vm", "vm-04", "two")
    govc("snapshot.remove", "-vm", "vm-04", "*")
    assert govc("snapshot.tree", "-c=false", "-vm", "vm-04") == ""


def test_snapshot_revert(govc: Govc) -> None:
    govc("snapshot.create", "-vm", "vm-05", "-m=false", "one")
    govc("snapshot.create", "-vm", "vm-05", "-m=false", "two")
    govc("snapshot.revert", "-vm", "vm-05", "one")
    assert govc("snapshot.tree", "-c=false", "-vm", "vm-05", "-C") == "one\n"
    govc("snapshot.create", "-vm", "vm-05", "-m=false", "other")
    assert govc("snapshot.tree", "-c=false", "-vm", "vm-05") == "one\n  two\n  other\n", "a branch of its own"


def test_vm_clone(govc: Govc) -> None:
    free = govc.free_bytes("ds-2")
    assert govc("vm.clone", "-vm", "vm-06", "-on=false", "-ds", "ds-2", "-host", "esx-1", "whole").endswith("OK\n")
    assert govc.property("vm/whole", "config.files.vmPathName") == "[ds-2] whole/whole.vmx"
    (disk,) = govc.json("device.info", "-vm", "whole", "disk-*")["devices"]
    assert disk["backing"]["fileName"].startswith("[ds-2] whole/whole")
    assert disk["backing"].get("parent") is None
    assert disk["capacityInBytes"] == GIB
    uuids = {govc.property(f"vm/{vm}", "config.uuid") for vm in ("vm-06", "whole")}
    assert len(uuids) == 2
    assert disk["backing"]["fileName"].partition("/")[2] in govc.files("ds-2", "whole")
    assert free > govc.free_bytes("ds-2")


def test_vm_clone_takes_the_space_of_what_it_copies(govc: Govc) -> None:
    free = govc.free_bytes("ds-3")
    govc("vm.clone", "-vm", "vm-07", "-on=false", "-ds", "ds-3", "-host", "esx-1", "copied")
    assert GIB // 4 <= free - govc.free_bytes("ds-3") < GIB // 2, "a thin disk's clone is thin"


def test_vm_clone_linked(govc: Govc) -> None:
    govc("snapshot.create", "-vm", "vm-08", "-m=false", "base")
    clone = ("vm.clone", "-vm", "vm-08", "-link", "-snapshot", "base", "-on=false", "-ds", "ds-1", "-host", "esx-1")
    free = govc.free_bytes("ds-1")
    assert govc(*clone, "linked").endswith("OK\n")
    disk, parent = disk_of(govc, "linked")
    assert disk.startswith("[ds-1] linked/")
    assert parent == "[ds-1] vm-08/vm-08.vmdk", "the disk that the snapshot froze"
    assert free - govc.free_bytes("ds-1") < GIB // 8, "a linked clone takes next to nothing"


def test_a_linked_clone_can_go_without_its_parent(govc: Govc) -> None:
    govc("snapshot.create", "-vm", "vm-09", "-m=false", "base")
    clone = ("vm.clone", "-vm", "vm-09", "-link", "-snapshot", "base", "-on=false", "-ds", "ds-1", "-host", "esx-1")
    govc(*clone, "leaves")
    govc("vm.destroy", "leaves")
    assert {"vm-09.vmdk", "vm-09-flat.vmdk"} <= govc.files("ds-1", "vm-09"), "the parent's disks stay"
    assert "leaves" not in govc.files("ds-1")


def test_vm_migrate_takes_the_whole_chain(govc: Govc) -> None:
    govc("snapshot.create", "-vm", "vm-10", "-m=false", "one")
    govc("vm.migrate", "-ds", "ds-2", "vm-10")
    assert disk_of(govc, "vm-10") == ("[ds-2] vm-10/vm-10-000001.vmdk", "[ds-2] vm-10/vm-10.vmdk")
    assert govc("snapshot.tree", "-c=false", "-vm", "vm-10") == "one\n"
    assert "vm-10" not in govc.files("ds-1")
