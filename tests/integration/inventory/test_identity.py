"""Ids outlive everything that happens to a thing in vCenter: other places, other names, other owners."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from app.db import transaction
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs.at_once import at_once
from tests.integration.operating import Operator

pytestmark = pytest.mark.integration

TABLES = ("zone", "cluster", "host", "storage_pool", "virtual_machine", "volume")


def all_ids() -> dict[str, set[tuple[UUID, str]]]:
    """Every thing that is there: its id and its name."""
    with transaction() as session:
        return {
            table: {
                (row.id, row.name) for row in session.execute(text(f"SELECT * FROM {table} WHERE removed_at IS NULL"))
            }
            for table in TABLES
        }


def test_a_second_look_changes_no_id(vcenter_id: UUID) -> None:
    before = all_ids()
    assert all(before.values())
    known.sync(vcenter_id)
    assert all_ids() == before


def test_a_vm_that_was_relocated_by_somebody_else(vcenter_id: UUID, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("pair")
    vm, disks, target = known.vm(name), known.disks(name), known.pool("new")
    operator.relocate(vm.moref, target.moref)
    known.sync(vcenter_id)
    assert known.vm(name).id == vm.id
    assert known.vm(name).home_pool_id == target.id
    moved = known.disks(name)
    assert [disk.id for disk in moved] == [disk.id for disk in disks]
    assert {disk.pool_id for disk in moved} == {target.id}
    assert all(disk.path.startswith("[new] ") for disk in moved)


def test_a_vm_that_was_registered_anew(vcenter_id: UUID, operator: Operator, unused: InTurn) -> None:
    """vCenter gives it another reference; its instance uuid stays."""
    name = unused.vm()
    vm = known.vm(name)
    operator.register_anew(vm.moref)
    known.sync(vcenter_id)
    after = known.vm(name)
    assert after.moref != vm.moref
    assert (after.id, after.removed_at) == (vm.id, None)


def test_a_vm_that_was_away_for_a_while(vcenter_id: UUID, operator: Operator, unused: InTurn) -> None:
    name = unused.vm()
    vm, [disk] = known.vm(name), known.disks(name)
    back = operator.unregister(vm.moref)
    known.sync(vcenter_id)
    assert known.vm(name).removed_at is not None
    loose = known.volume_of_id(disk.id)
    assert (loose.vm_id, loose.device_key, loose.path, loose.removed_at) == (None, None, disk.path, None)
    operator.register(back)
    known.sync(vcenter_id)
    assert (known.vm(name).id, known.vm(name).removed_at) == (vm.id, None)


def test_a_disk_that_is_attached_is_the_same_volume(vcenter_id: UUID, operator: Operator, unused: InTurn) -> None:
    name, path = unused.vm(), unused.disk()
    volume = known.volume(path)
    operator.attach(known.vm(name).moref, path, key=-1, unit=3)
    known.sync(vcenter_id)
    attached = known.volume_of_id(volume.id)
    assert (attached.vm_id, attached.path, attached.removed_at) == (known.vm(name).id, path, None)
    assert attached.disk_uuid is not None


def test_two_readers_at_once_agree(vcenter_id: UUID) -> None:
    before = all_ids()
    at_once(3, lambda _: known.sync(vcenter_id))
    assert all_ids() == before
