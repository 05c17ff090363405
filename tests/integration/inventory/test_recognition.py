"""Which disk is which, when vCenter shows what the simulated one cannot be brought to show: its answer is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.inventory import sync
from app.inventory.models import StoragePool, Volume
from app.inventory.vcenters import session_to
from app.vsphere.facts import Disk, Inventory, LooseDisk, VirtualMachine
from app.vsphere.inventory import read_inventory
from tests.integration import known
from tests.integration.in_turn import InTurn

pytestmark = pytest.mark.integration

UUID_A, UUID_B = "6000c29a-0000-0000-0000-00000000000a", "6000c29a-0000-0000-0000-00000000000b"


@pytest.fixture
def shown(vcenter_id: UUID) -> Inventory:
    """What the vCenter shows."""
    return read_inventory(session_to(vcenter_id), "vrelocate-storage")


@pytest.fixture
def take_in(vcenter_id: UUID) -> Callable[..., None]:
    """Write an inventory down, as a pass that began now, or `began`, does."""

    def write(seen: Inventory, began: datetime | None = None) -> None:
        with transaction() as session:
            started = began or session.scalars(select(func.clock_timestamp())).one()
            sync._write(session, vcenter_id, seen, started)

    return write


TakeIn = Callable[..., None]


def with_vm(inventory: Inventory, name: str, **changes: object) -> Inventory:
    machines = tuple(
        replace(vm, **changes) if vm.name == name else vm  # type: ignore[arg-type]
        for vm in inventory.virtual_machines
    )
    return replace(inventory, virtual_machines=machines)


def with_loose(inventory: Inventory, *disks: LooseDisk) -> Inventory:
    return replace(inventory, loose_disks=(*inventory.loose_disks, *disks))


def without_loose(inventory: Inventory, path: str) -> Inventory:
    return replace(inventory, loose_disks=tuple(disk for disk in inventory.loose_disks if disk.path != path))


def vm_shown(inventory: Inventory, name: str) -> VirtualMachine:
    return next(vm for vm in inventory.virtual_machines if vm.name == name)


def loosened(disk: Disk, inventory: Inventory, *, uuid: str | None = None, path: str | None = None) -> LooseDisk:
    """The file of a disk that belongs to no VM any more."""
    assert disk.datastore_moref
    return LooseDisk(
        path=path or disk.path,
        datastore_moref=disk.datastore_moref,
        datacenter_moref=inventory.datacenters[0].moref,
        capacity_bytes=disk.capacity_bytes,
        physical_bytes=1,
        thin=disk.thin,
        uuid=uuid,
        modified_at=None,
    )


def test_a_disk_that_was_detached(shown: Inventory, take_in: TakeIn, unused: InTurn) -> None:
    name = unused.vm("pair")
    vm, [first, second] = vm_shown(shown, name), known.disks(name)
    take_in(with_loose(with_vm(shown, name, disks=vm.disks[:1]), loosened(vm.disks[1], shown)))
    loose = known.volume_of_id(second.id)
    assert (loose.vm_id, loose.device_key, loose.path, loose.removed_at) == (None, None, second.path, None)
    assert [disk.id for disk in known.disks(name)] == [first.id]


def test_a_disk_that_was_detached_and_moved_is_known_by_its_own_uuid(
    shown: Inventory, take_in: TakeIn, unused: InTurn
) -> None:
    name = unused.vm()
    vm, [volume] = vm_shown(shown, name), known.disks(name)
    file = loosened(vm.disks[0], shown, uuid=vm.disks[0].uuid, path="[old] elsewhere/renamed.vmdk")
    take_in(with_loose(with_vm(shown, name, disks=()), file))
    loose = known.volume_of_id(volume.id)
    assert (loose.vm_id, loose.path, loose.name, loose.removed_at) == (None, file.path, "renamed", None)


def test_a_disk_that_was_attached_to_another_vm(shown: Inventory, take_in: TakeIn, unused: InTurn) -> None:
    giver, taker = unused.vm(), unused.vm()
    given = vm_shown(shown, giver).disks[0]
    [volume], [own] = known.disks(giver), known.disks(taker)
    attached = (*vm_shown(shown, taker).disks, replace(given, key=2005))
    take_in(with_vm(with_vm(shown, giver, disks=()), taker, disks=attached))
    assert [disk.id for disk in known.disks(taker)] == [own.id, volume.id]
    assert known.disks(giver) == []


def test_disks_that_changed_places_in_a_vm(shown: Inventory, take_in: TakeIn, unused: InTurn) -> None:
    """Each row wants the device that the other one has."""
    name = unused.vm("pair")
    [first, second], [one, two] = vm_shown(shown, name).disks, known.disks(name)
    assert first.uuid
    assert second.uuid
    swapped = (replace(second, key=first.key), replace(first, key=second.key))
    take_in(with_vm(shown, name, disks=swapped))
    assert [disk.id for disk in known.disks(name)] == [two.id, one.id]
    take_in(shown)
    assert [disk.id for disk in known.disks(name)] == [one.id, two.id]


def test_a_disk_that_took_the_place_of_a_detached_one(shown: Inventory, take_in: TakeIn, unused: InTurn) -> None:
    name = unused.vm("pair")
    [first, second], [one, two] = vm_shown(shown, name).disks, known.disks(name)
    moved_up = with_vm(shown, name, disks=(replace(second, key=first.key),))
    take_in(with_loose(moved_up, loosened(first, shown)))
    assert [disk.id for disk in known.disks(name)] == [two.id]
    assert known.volume_of_id(one.id).vm_id is None


def test_a_new_disk_where_another_one_was_is_another_volume(shown: Inventory, take_in: TakeIn, unused: InTurn) -> None:
    """Deleted, and made anew under the same name: offering and history are not the new one's."""
    name = unused.vm()
    [disk], [volume] = vm_shown(shown, name).disks, known.disks(name)
    take_in(with_vm(shown, name, disks=(replace(disk, uuid=UUID_A),)))
    [now] = known.disks(name)
    assert now.id != volume.id
    assert known.volume_of_id(volume.id).removed_at is not None


def test_a_detached_disk_of_which_vcenter_tells_no_uuid_is_known_by_its_path(
    shown: Inventory, take_in: TakeIn, unused: InTurn
) -> None:
    path = unused.disk()
    volume = known.volume(path)
    take_in(without_loose(shown, path))
    assert known.volume_of_id(volume.id).removed_at is not None
    take_in(shown)
    assert known.volume_of_id(volume.id).removed_at is None


def test_detached_disks_whose_names_were_swapped_are_known_by_their_uuids(
    shown: Inventory, take_in: TakeIn, unused: InTurn
) -> None:
    paths = [unused.disk(), unused.disk()]
    one, two = (next(disk for disk in shown.loose_disks if disk.path == path) for path in paths)
    rest = without_loose(without_loose(shown, paths[0]), paths[1])
    ids = [known.volume(path).id for path in paths]
    take_in(with_loose(rest, replace(one, uuid=UUID_A), replace(two, uuid=UUID_B)))
    take_in(with_loose(rest, replace(one, uuid=UUID_B), replace(two, uuid=UUID_A)))
    assert [known.volume_of_id(it).path for it in ids] == [paths[1], paths[0]]


def test_a_vm_that_was_registered_anew_brings_its_disks(shown: Inventory, take_in: TakeIn, unused: InTurn) -> None:
    name = unused.vm("pair")
    vm, disks = known.vm(name), known.disks(name)
    take_in(with_vm(shown, name, moref="vm-registered-anew"))
    assert (known.vm(name).id, known.vm(name).moref) == (vm.id, "vm-registered-anew")
    assert [disk.id for disk in known.disks(name)] == [disk.id for disk in disks]


def test_a_datastore_that_was_renamed(shown: Inventory, take_in: TakeIn) -> None:
    def renamed(path: str) -> str:
        return path.replace("[old] ", "[older] ")

    def ids() -> dict[UUID, str]:
        with transaction() as session:
            pool = session.scalars(select(StoragePool).where(StoragePool.name.in_(["old", "older"]))).one()
            found = select(Volume).where(Volume.pool_id == pool.id, Volume.removed_at.is_(None))
            return {volume.id: volume.path for volume in session.scalars(found)}

    before = ids()
    datastores = tuple(replace(it, name="older") if it.name == "old" else it for it in shown.datastores)
    machines = tuple(
        replace(
            vm,
            vm_path_name=renamed(vm.vm_path_name or ""),
            disks=tuple(replace(disk, path=renamed(disk.path)) for disk in vm.disks),
        )
        for vm in shown.virtual_machines
    )
    loose = tuple(replace(disk, path=renamed(disk.path)) for disk in shown.loose_disks)
    take_in(replace(shown, datastores=datastores, virtual_machines=machines, loose_disks=loose))
    assert ids() == {volume_id: renamed(path) for volume_id, path in before.items()}


def test_a_vm_of_which_vcenter_knows_nothing_now_keeps_its_disks(
    shown: Inventory, take_in: TakeIn, unused: InTurn
) -> None:
    """Its host is away: that no disks are shown means nothing."""
    name = unused.vm("pair")
    disks = known.disks(name)
    take_in(with_vm(shown, name, disks=(), config_known=False, connection_state="disconnected"))
    assert [disk.id for disk in known.disks(name)] == [disk.id for disk in disks]


def test_a_datastore_that_could_not_be_searched_keeps_its_detached_disks(
    shown: Inventory, take_in: TakeIn, unused: InTurn
) -> None:
    path = unused.disk()
    seen = without_loose(shown, path)
    take_in(replace(seen, searched_datastores=seen.searched_datastores - {known.pool("old").moref}))
    assert known.volume(path).removed_at is None


def test_a_detached_disk_that_may_be_a_vms_is_kept(shown: Inventory, take_in: TakeIn, unused: InTurn) -> None:
    """A VM beside it does not tell its files now: whose they are is not known, but that they are there is."""
    path = unused.disk()
    [disk] = [disk for disk in shown.loose_disks if disk.path == path]
    volume = known.volume(path)
    take_in(replace(without_loose(shown, path), unclear_disks=(disk,)))
    assert known.volume_of_id(volume.id).removed_at is None
    take_in(without_loose(shown, path))
    assert known.volume_of_id(volume.id).removed_at is not None


def test_a_pass_that_began_before_something_was_observed_leaves_it_alone(
    shown: Inventory, take_in: TakeIn, unused: InTurn
) -> None:
    name = unused.vm()
    with transaction() as session:
        began = session.scalars(select(func.clock_timestamp())).one()
    vm = vm_shown(shown, name)
    new = known.pool("new")
    moved = replace(vm.disks[0], datastore_moref=new.moref, path=vm.disks[0].path.replace("[old]", "[new]"))
    take_in(with_vm(shown, name, disks=(moved,), home_datastore_moref=new.moref))
    take_in(shown, began)
    assert known.vm(name).home_pool_id == new.id
    assert [disk.pool_id for disk in known.disks(name)] == [new.id]
