"""What a move says of itself: its ends, and whether anything is left of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.moves import NEW, OLD, disk, machine, move_of_disks, move_of_vm, pool

pytestmark = pytest.mark.unit

OTHER = pool("other")


def test_a_move_with_disks_is_not_empty() -> None:
    assert not move_of_disks().is_empty
    assert not move_of_vm().is_empty


def test_a_vm_whose_configuration_is_elsewhere_is_not_there_yet() -> None:
    assert not replace(move_of_vm(), disks=()).is_empty


def test_a_vm_whose_home_is_not_known_is_not_there_yet() -> None:
    assert not replace(move_of_vm(vm=machine(home=None)), disks=()).is_empty


def test_a_move_is_empty_when_home_and_disks_are_there() -> None:
    assert replace(move_of_vm(vm=machine(home=NEW)), disks=()).is_empty
    assert replace(move_of_vm(home_target=None), disks=()).is_empty


def test_the_ends_are_all_pools_that_something_goes_to_or_comes_from() -> None:
    move = move_of_vm(disk(source=OTHER, target=NEW, key=2000))
    assert move.targets == {NEW.id: NEW}
    assert move.sources == {OLD.id: OLD, OTHER.id: OTHER}


def test_a_home_that_stays_is_no_source() -> None:
    assert move_of_vm(disk(source=OTHER, key=2000), home_target=None).sources == {OTHER.id: OTHER}


def test_a_home_that_is_there_already_is_a_target_and_no_source() -> None:
    move = move_of_vm(disk(source=OLD, target=NEW, key=2000), vm=machine(home=NEW))
    assert move.targets == {NEW.id: NEW}
    assert move.sources == {OLD.id: OLD}
