"""The disks that move."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.inventory.traits import VmTraits, VolumeTraits
from app.migration.checks import objections_against, reasons_against
from app.migration.situation import Situation
from app.vsphere.facts import DiskFormat
from tests.unit.moves import disk, move_of_disks, move_of_vm, situation_of, with_target, with_volumes

pytestmark = pytest.mark.unit

VM = situation_of(move_of_vm())
DETACHED = situation_of(move_of_disks())


def said(situation: Situation) -> dict[str, str]:
    """Everything that is said, warnings too, by rule."""
    return {it.rule: it.text for it in objections_against(situation)}


RAW = VolumeTraits(backing_kind="RawDiskMappingVer1")


@pytest.mark.parametrize(
    ("changes", "rule", "found"),
    [
        ({"traits": RAW}, "disk_is_no_raw_device", "is a raw device mapping"),
        ({"traits": VolumeTraits(multi_writer=True)}, "disk_is_not_shared", "may be written to by several VMs"),
        ({"shared_with": ("web-2", "web-3")}, "disk_is_not_shared", "is shared with VM web-2, web-3"),
        ({"traits": VolumeTraits(shared_bus=True)}, "disk_is_on_no_shared_bus", "shares its bus"),
    ],
)
def test_a_disk_that_must_stay(changes: dict[str, object], rule: str, found: str) -> None:
    one = situation_of(move_of_vm(disk(key=2000)))
    situation = with_volumes(one, **changes)
    assert list(said(situation)) == [rule]
    [reason] = reasons_against(situation)
    assert reason.startswith("volume data ")
    assert found in reason
    assert "leave this one where it is" in reason


def test_clones_that_hang_on_a_disk_keep_nothing_from_starting() -> None:
    situation = with_volumes(situation_of(move_of_vm(disk(key=2000))), hanging_on_it=("clone-1", "clone-2"))
    assert said(situation)["clones_keep_hanging_on_it"].startswith(
        "linked clones hang on volume data: clone-1, clone-2"
    )
    assert reasons_against(situation) == []


def test_a_linked_clone_is_told_how_much_it_will_be() -> None:
    clone = replace(VM, traits=VmTraits(linked_to=("[old] golden/golden.vmdk",)))
    assert "becomes a whole VM of 8.0 GiB" in said(clone)["linked_clone_becomes_whole"]


def test_an_encrypted_disk_that_is_detached_is_refused() -> None:
    encrypted = VolumeTraits(encrypted=True)
    [reason] = reasons_against(with_volumes(DETACHED, traits=encrypted))
    assert reason.startswith("volume data is encrypted and attached to no VM")
    fcd = situation_of(move_of_disks(disk(first_class_id="fcd-1")))
    assert list(said(with_volumes(fcd, traits=encrypted))) == ["encryption_goes_along"]
    assert reasons_against(with_volumes(fcd, traits=encrypted)) == []


def test_an_encrypted_disk_may_keep_its_format() -> None:
    converted = situation_of(move_of_vm(disk(key=2000, target_format=DiskFormat.THIN)))
    encrypted = with_volumes(converted, traits=VolumeTraits(encrypted=True))
    assert "may keep its format" in said(encrypted)["encryption_goes_along"]
    assert reasons_against(encrypted) == []


@pytest.mark.parametrize(
    ("kind", "now", "wanted", "warned"),
    [
        ("NFS", DiskFormat.THICK, None, True),
        ("NFS41", DiskFormat.EAGER, None, True),
        ("vsan", DiskFormat.THIN, DiskFormat.THICK, True),
        ("VMFS", DiskFormat.THICK, None, False),
        ("NFS", DiskFormat.THIN, None, False),
        ("NFS", DiskFormat.THICK, DiskFormat.THIN, False),
        ("NFS", None, None, False),
    ],
)
def test_where_a_thick_disk_may_become_thin(
    kind: str, now: DiskFormat | None, wanted: DiskFormat | None, *, warned: bool
) -> None:
    move = move_of_vm(disk(key=2000, format=now, target_format=wanted))
    assert ("format_is_kept" in said(with_target(situation_of(move), type=kind))) is warned


@pytest.mark.parametrize("kind", ["vsan", "VVOL"])
def test_a_plain_disk_needs_a_folder(kind: str) -> None:
    [reason] = reasons_against(with_target(DETACHED, type=kind))
    assert f"storage pool new is {kind}, which takes no plain detached disk" in reason
    assert reasons_against(with_target(VM, type=kind)) == []
    assert reasons_against(with_target(situation_of(move_of_disks(disk(first_class_id="fcd-1"))), type=kind)) == []
