"""Names that collide."""

from __future__ import annotations

import pytest

from app.migration.checks import reasons_against
from tests.unit.moves import move_of_disks, move_of_vm, situation_of, with_volumes

pytestmark = pytest.mark.unit

VM = situation_of(move_of_vm())
DETACHED = situation_of(move_of_disks())


def test_nothing_is_ever_overwritten() -> None:
    [reason] = reasons_against(with_volumes(DETACHED, target_is_taken=True))
    assert reason.startswith("a file of the name of [old] folder/data.vmdk is on new already")


def test_a_vm_gets_another_name_there() -> None:
    """vCenter makes `web-1_1`; looking for a file is for detached disks alone."""
    assert reasons_against(VM) == []
