"""What vCenter shows this second goes over what the last sync knew."""

from __future__ import annotations

import pytest

from app.migration.look import Sight
from app.migration.situation import Situation, refreshed
from app.vsphere.facts import Datastore, LooseDisk
from tests.unit.moves import GIB, NEW, move_of_disks, move_of_vm, situation_of, with_target

pytestmark = pytest.mark.unit


def datastore(**changes: object) -> Datastore:
    facts: dict[str, object] = {
        "moref": NEW.moref,
        "name": "new",
        "datacenter_moref": "datacenter-2",
        "type": "VMFS",
        "url": "ds:///vmfs/volumes/new/",
        "capacity_bytes": 900 * GIB,
        "free_bytes": 5 * GIB,
        "uncommitted_bytes": 0,
        "accessible": True,
        "maintenance_mode": "normal",
        "mounts": (),
    }
    return Datastore(**{**facts, **changes})  # type: ignore[arg-type]


FOUND = LooseDisk("[new] folder/data.vmdk", NEW.moref, "datacenter-2", 1, 1, None, None, None)


def seen(situation: Situation, *, busy: bool = False, taken: bool = False, target: Datastore | None = None) -> Sight:
    return Sight(
        move=situation.move,
        datastores={target.moref: target} if target else {},
        machine=None,
        busy=busy,
        at_source=None,
        at_target=FOUND if taken else None,
    )


def test_a_target_has_the_figures_of_this_second_and_keeps_what_is_reserved() -> None:
    before = with_target(situation_of(move_of_vm()), reserved_bytes=3 * GIB, tags=frozenset({"ssd"}))
    now = refreshed(before, seen(before, target=datastore(maintenance_mode="inMaintenance"))).targets[NEW.id]
    assert (now.capacity_bytes, now.free_bytes, now.maintenance_mode) == (900 * GIB, 5 * GIB, "inMaintenance")
    assert (now.reserved_bytes, now.tags) == (3 * GIB, frozenset({"ssd"}))


def test_a_datastore_that_vcenter_does_not_show_is_not_accessible() -> None:
    before = situation_of(move_of_vm())
    assert not refreshed(before, seen(before)).targets[NEW.id].accessible


def test_a_task_on_the_vm_is_seen() -> None:
    before = situation_of(move_of_vm())
    assert refreshed(before, seen(before, busy=True, target=datastore())).task_running


@pytest.mark.parametrize("taken", [True, False])
def test_the_place_of_a_detached_disk_is_taken_when_something_lies_there(*, taken: bool) -> None:
    before = situation_of(move_of_disks())
    [volume] = refreshed(before, seen(before, taken=taken, target=datastore())).volumes.values()
    assert volume.target_is_taken is taken


def test_vcenter_names_the_disks_of_a_vm_itself() -> None:
    before = situation_of(move_of_vm())
    after = refreshed(before, seen(before, taken=True, target=datastore()))
    assert not any(volume.target_is_taken for volume in after.volumes.values())
