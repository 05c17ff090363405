"""Gurus answer with the commands that migrate, or with None: the hypervisor can't."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.hypervisors.commands import (
    Command,
    ConsolidateDisks,
    CreateWorker,
    DestroyWorker,
    DetachWorkerDisks,
    MoveVirtualDisk,
    PlaceDisk,
    RelocateFirstClassDisk,
    RelocateVm,
    RelocateWorker,
    RemoveFolder,
)
from app.hypervisors.guru import HypervisorGuru
from app.hypervisors.move import Move
from app.hypervisors.registry import guru_of
from app.hypervisors.vmware import VMwareGuru, folder_left, target_path
from app.inventory.models import VMWARE
from app.vsphere.facts import DiskFormat
from tests.unit.moves import NEW, OLD, disk, machine, move_of_disks, move_of_vm, pool

pytestmark = pytest.mark.unit


def test_the_default_guru_cannot() -> None:
    assert HypervisorGuru().finalize_migration(move_of_vm()) is None


@pytest.mark.parametrize("hypervisor", ["KVM", "", "vmware"])
def test_a_hypervisor_that_nobody_knows_gets_the_default(hypervisor: str) -> None:
    assert guru_of(hypervisor).finalize_migration(move_of_disks()) is None


def test_vmware_has_its_own() -> None:
    assert isinstance(guru_of(VMWARE), VMwareGuru)


def test_a_vm_is_one_relocation_of_its_home_and_of_the_disks_that_move() -> None:
    move = move_of_vm(disk(key=2000), disk("data-2", key=2016))
    assert VMwareGuru().finalize_migration(move) == [
        RelocateVm(vm="vm-42", home=NEW.moref, disks={2000: NEW.moref, 2016: NEW.moref})
    ]


def test_one_disk_of_a_vm_leaves_the_home_where_it_is() -> None:
    move = move_of_vm(disk(key=2016), home_target=None)
    assert VMwareGuru().finalize_migration(move) == [RelocateVm(vm="vm-42", home=None, disks={2016: NEW.moref})]


def test_a_detached_disk_keeps_folder_and_name() -> None:
    assert VMwareGuru().finalize_migration(move_of_disks()) == [
        MoveVirtualDisk(
            source_path="[old] folder/data.vmdk", target_path="[new] folder/data.vmdk", datacenter="datacenter-2"
        )
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("[old] data.vmdk", "[new] data.vmdk"),
        ("[old] a/b c/data [1].vmdk", "[new] a/b c/data [1].vmdk"),
        ("[old] a] b/data.vmdk", "[new] a] b/data.vmdk"),
    ],
)
def test_only_the_datastore_of_a_path_changes(path: str, expected: str) -> None:
    moved = disk(source=OLD, target=NEW)
    assert target_path(replace(moved, path=path)) == expected


def test_a_pool_with_a_bracket_in_its_name_keeps_it() -> None:
    assert target_path(disk(target=pool("new (ssd)"))) == "[new (ssd)] folder/data.vmdk"


def test_a_disk_that_was_left_in_a_workers_folder_gets_its_own_back() -> None:
    left = replace(disk(), path="[old] vrelocate-worker-0a1b2c3d/data.vmdk", own_place="folder/data.vmdk")
    assert target_path(left) == "[new] folder/data.vmdk"
    assert target_path(replace(left, own_place=None)) == "[new] vrelocate-worker-0a1b2c3d/data.vmdk"


def test_a_workers_folder_is_removed_when_its_disk_has_left_and_no_other() -> None:
    assert folder_left("[old] folder/data.vmdk", "datacenter-1") == []
    assert folder_left("[old] vrelocate-worker-0a1b2c3d.vmdk", "datacenter-1") == []
    [removing] = folder_left("[old] vrelocate-worker-0a1b2c3d/data.vmdk", "datacenter-1")
    assert isinstance(removing, RemoveFolder)
    assert (removing.folder, removing.datacenter) == ("[old] vrelocate-worker-0a1b2c3d", "datacenter-1")
    assert removing.going == "[old] vrelocate-worker-0a1b2c3d.vrelocate-0a1b2c3d"


@pytest.mark.parametrize("disk_format", [DiskFormat.THIN, DiskFormat.EAGER])
def test_a_detached_disk_that_might_not_keep_its_format_gets_a_worker_vm(disk_format: DiskFormat) -> None:
    create, relocate, detach, place, destroy = answer(move_of_disks(disk(format=disk_format)))
    assert isinstance(create, CreateWorker)
    worker = create.worker
    assert create.name == f"vrelocate-worker-{worker.hex[:8]}"
    assert (create.source, create.target, create.disk_path) == (OLD.moref, NEW.moref, "[old] folder/data.vmdk")
    assert relocate == RelocateWorker(worker=worker, datastore=NEW.moref)
    assert detach == DetachWorkerDisks(worker=worker)
    # Placed before the worker goes: nothing that is deleted is near the disk by then.
    assert place == PlaceDisk(target_path="[new] folder/data.vmdk", datacenter="datacenter-2")
    assert destroy == DestroyWorker(worker=worker)


@pytest.mark.parametrize("disk_format", [DiskFormat.THICK, None])
def test_a_detached_disk_that_keeps_its_format_anyway_is_moved_by_one_call(disk_format: DiskFormat | None) -> None:
    [command] = answer(move_of_disks(disk(format=disk_format)))
    assert isinstance(command, MoveVirtualDisk)


@pytest.mark.parametrize("disk_format", [*DiskFormat, None])
def test_a_detached_disk_that_is_converted_gets_a_worker_vm_whatever_it_is(disk_format: DiskFormat | None) -> None:
    _, relocate, *_ = answer(move_of_disks(disk(format=disk_format, target_format=DiskFormat.EAGER)))
    assert isinstance(relocate, RelocateWorker)
    assert relocate.format is DiskFormat.EAGER


def test_no_two_workers_are_the_same() -> None:
    move = move_of_disks(disk(format=DiskFormat.THIN))
    assert answer(move)[0] != answer(move)[0]


@pytest.mark.parametrize(
    ("now", "wanted", "asked"),
    [
        (DiskFormat.THIN, None, DiskFormat.THIN),
        (DiskFormat.THIN, DiskFormat.THICK, DiskFormat.THICK),
        (None, None, None),
    ],
)
def test_a_first_class_disk_is_relocated_by_its_id_and_as_it_is(
    now: DiskFormat | None, wanted: DiskFormat | None, asked: DiskFormat | None
) -> None:
    first_class = disk(format=now, target_format=wanted, first_class_id="fcd-1")
    assert answer(move_of_disks(first_class)) == [
        RelocateFirstClassDisk(disk_id="fcd-1", source=OLD.moref, target=NEW.moref, format=asked)
    ]


def test_a_first_class_disk_that_a_vm_has_moves_with_the_vm() -> None:
    [command] = answer(move_of_vm(disk(key=2000, first_class_id="fcd-1")))
    assert isinstance(command, RelocateVm)


def test_only_disks_that_are_to_be_converted_name_a_format() -> None:
    move = move_of_vm(disk(key=2000, format=DiskFormat.THIN), disk("b", key=2001, target_format=DiskFormat.THIN))
    [command] = answer(move)
    assert isinstance(command, RelocateVm)
    assert command.formats == {2001: DiskFormat.THIN}


def test_what_nobody_needs_is_consolidated_before_it_is_copied() -> None:
    move = move_of_vm(vm=replace(machine(), consolidation_needed=True))
    first, second = answer(move)
    assert first == ConsolidateDisks(vm="vm-42")
    assert isinstance(second, RelocateVm)


def test_a_vcenter_that_is_not_to_move_anything_is_asked_for_nothing() -> None:
    for move in (move_of_vm(), move_of_disks(), move_of_disks(disk(first_class_id="fcd-1"))):
        assert VMwareGuru().finalize_migration(replace(move, native=False)) is None


def answer(move: Move) -> list[Command]:
    """The commands that VMware's guru answers."""
    commands = VMwareGuru().finalize_migration(move)
    assert commands is not None
    return list(commands)
