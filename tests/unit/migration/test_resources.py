"""What a migration takes a slot of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.limits import Limits
from app.migration.admission import resources_of
from tests.unit.moves import NEW, OLD, disk, id_of, machine, move_of_disks, move_of_vm, pool

pytestmark = pytest.mark.unit

BOUNDS = Limits.model_construct(slots_per_vcenter=1, slots_per_host=2, slots_per_source_pool=3, slots_per_target_pool=4)
VCENTER = (f"vcenter:{id_of('vcenter')}", 1)
HOST = (f"host:{id_of('host')}", 2)
SOURCE, TARGET = (f"source-pool:{OLD.id}", 3), (f"target-pool:{NEW.id}", 4)


def needed(move: object) -> set[tuple[str, int]]:
    return {(resource.key, resource.limit) for resource in resources_of(move, BOUNDS)}  # type: ignore[arg-type]


def test_a_vm_needs_its_vcenter_its_host_and_both_pools() -> None:
    assert needed(move_of_vm()) == {VCENTER, HOST, SOURCE, TARGET}


def test_a_detached_disk_has_no_host() -> None:
    assert needed(move_of_disks()) == {VCENTER, SOURCE, TARGET}


def test_a_vm_that_is_on_no_host_needs_none() -> None:
    assert HOST not in needed(move_of_vm(vm=replace(machine(), host_id=None)))


def test_each_source_counts() -> None:
    third = pool("third")
    both = needed(move_of_vm(disk(key=2000), disk("data-2", source=third, key=2001)))
    assert {SOURCE, (f"source-pool:{third.id}", 3)} <= both


def test_every_resource_has_a_name_for_people() -> None:
    names = [resource.name for resource in resources_of(move_of_vm(), BOUNDS)]
    assert names == ["the vCenter", "the host of VM web-1", "source pool old", "target pool new"]
