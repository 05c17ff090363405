"""Gurus answer with the commands that migrate, or with None: the hypervisor can't."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.hypervisors.commands import MoveVirtualDisk, RelocateVm
from app.hypervisors.guru import HypervisorGuru
from app.hypervisors.registry import VMWARE, guru_of
from app.hypervisors.vmware import VMwareGuru, target_path
from tests.unit.moves import NEW, OLD, disk, move_of_disks, move_of_vm, pool

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
