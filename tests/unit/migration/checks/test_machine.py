"""The VM itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.inventory.traits import VmTraits
from app.migration.checks import objections_against, reasons_against
from app.migration.situation import Situation
from tests.unit.moves import move_of_disks, move_of_vm, situation_of

pytestmark = pytest.mark.unit

VM = situation_of(move_of_vm())
DETACHED = situation_of(move_of_disks())


def said(situation: Situation) -> dict[str, str]:
    """Everything that is said, warnings too, by rule."""
    return {it.rule: it.text for it in objections_against(situation)}


@pytest.mark.parametrize("power_state", ["poweredOn", "suspended"])
def test_a_vm_that_is_not_off_is_refused(power_state: str) -> None:
    [reason] = reasons_against(situation_of(move_of_vm(), power_state=power_state))
    assert f"VM web-1 is {power_state}: stop it first" in reason


def test_a_template_is_refused() -> None:
    [reason] = reasons_against(situation_of(move_of_vm(), is_template=True))
    assert "template" in reason


@pytest.mark.parametrize("state", ["disconnected", "orphaned", "inaccessible", "invalid"])
def test_a_vm_that_vcenter_cannot_read_is_refused(state: str) -> None:
    [reason] = reasons_against(replace(VM, traits=VmTraits(connection_state=state, config_known=False)))
    assert f"VM web-1 is {state} in vCenter" in reason


def test_a_vm_whose_configuration_is_not_known_is_refused() -> None:
    [reason] = reasons_against(replace(VM, traits=VmTraits(config_known=False)))
    assert "VM web-1 is not readable in vCenter" in reason


@pytest.mark.parametrize(
    ("traits", "rule"),
    [
        (VmTraits(has_snapshots=True), "snapshots_go_along"),
        (VmTraits(consolidation_needed=True), "consolidation_comes_first"),
        (VmTraits(change_tracking=True), "change_tracking_may_start_anew"),
        (VmTraits(encrypted=True), "encryption_goes_along"),
        (VmTraits(linked_to=("[old] golden/golden.vmdk",)), "linked_clone_becomes_whole"),
        (VmTraits(iso_paths=("[old] iso/x.iso",)), "images_stay_behind"),
        (VmTraits(floppy_paths=("[old] x.flp",)), "images_stay_behind"),
    ],
)
def test_what_vcenter_allows_is_said_and_keeps_nothing_from_starting(traits: VmTraits, rule: str) -> None:
    situation = replace(VM, traits=traits)
    assert list(said(situation)) == [rule]
    assert reasons_against(situation) == []
    assert list(said(replace(DETACHED, traits=traits))) == []


def test_images_elsewhere_are_none_of_our_business() -> None:
    assert said(replace(VM, traits=VmTraits(iso_paths=("[other] x.iso", "[new] y.iso")))) == {}


def test_a_home_that_moves_alone_changes_no_disk() -> None:
    home_alone = situation_of(replace(move_of_vm(), disks=()))
    assert said(replace(home_alone, traits=VmTraits(change_tracking=True, linked_to=("[old] g/g.vmdk",)))) == {}
