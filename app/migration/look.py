"""Looking: what vCenter shows of the things a request is about is written into the inventory, and only then judged.

Reading and writing are two steps: a dry run reads the same, and forgets it.

vCenter is asked between two transactions, never inside one: a call may last as long as its timeout, and a row that is
locked meanwhile would keep the lease from being renewed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from app.db import transaction
from app.errors import NotFound
from app.hypervisors.move import DiskMove, Machine, Move
from app.hypervisors.vmware import target_path
from app.inventory import file_pools
from app.inventory.models import KVM
from app.inventory.observe import observe_detached, observe_pools, observe_vm
from app.inventory.queries import members_of
from app.jobs import leases
from app.jobs.leases import Claim
from app.migration import queries
from app.migration.plan import plan
from app.migration.requests import Request, pool_ids_of
from app.vsphere import first_class_disks, inventory, registration, tasks
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.facts import Datastore, LooseDisk, VirtualMachine
from app.vsphere.loose import as_loose
from app.vsphere.session import Session as VSphereSession


@dataclass(frozen=True)
class Sight:
    """What vCenter showed, and what is left to be moved, planned on it."""

    move: Move
    datastores: dict[str, Datastore]
    """The pools of both ends, by managed object reference."""
    machine: VirtualMachine | None
    busy: bool
    """A task is queued or running on the VM."""
    at_source: LooseDisk | None
    """A detached disk where the inventory had it."""
    at_target: LooseDisk | None
    """A file where the detached disk is to go."""


@dataclass(frozen=True)
class Found:
    """Where a detached disk was found."""

    at_source: LooseDisk | None = None
    at_target: LooseDisk | None = None
    arrived: LooseDisk | None = None
    """It has left its old place, and is here."""


@dataclass(frozen=True)
class Reading:
    """What vCenter showed of the things a request is about; nothing of it is written down yet."""

    before: Move
    """The request as it was planned on what was known before."""
    datastores: tuple[Datastore, ...]
    machine: VirtualMachine | None
    busy: bool
    found: Found

    def sight(self, move: Move) -> Sight:
        """Return it with the move that was planned on it."""
        return Sight(
            move=move,
            datastores={datastore.moref: datastore for datastore in self.datastores},
            machine=self.machine,
            busy=self.busy,
            at_source=self.found.at_source,
            at_target=self.found.at_target,
        )


def look(claim: Claim, vcenter: VSphereSession, request: Request, also_at: Sequence[str] = ()) -> Sight:
    """Look at the VM or the detached disk and at the pools, write it down, and plan the request on it.

    `also_at` are datastore paths where commands of this job may have left a detached disk. Raises `NotFound` when the
    VM is gone, or a detached disk is nowhere of all that, and what a call to vCenter raises.
    """
    reading = read(vcenter, request, also_at)
    with transaction() as session:
        leases.held(session, claim)
        write_down(session, reading)
        # Planned on what has been written, not on what this session remembers.
        session.flush()
        session.expunge_all()
        return reading.sight(plan(session, request))


def read(vcenter: VSphereSession, request: Request, also_at: Sequence[str] = ()) -> Reading:
    """Ask vCenter for all of it, and change nothing; raises as `look` does."""
    with transaction() as session:
        before = plan(session, request)
        members = _members(session, request)
    ends = {pool.moref: pool.name for pool in [*before.sources.values(), *before.targets.values()]}
    if before.hypervisor == KVM:
        found = _file(finder(vcenter, before), before.disks[0], also_at) if before.disks else Found()
        seen = tuple(file_pools.read_pool(name, folder) for folder, name in ends.items())
        return Reading(before, seen, machine=None, busy=False, found=found)
    machine, busy, found = None, False, Found()
    if before.machine is not None:
        machine, busy = _machine(vcenter, before.machine)
    elif before.disks:
        disk = before.disks[0]
        found = (
            _first_class(vcenter, before, disk)
            if disk.first_class_id
            else _file(finder(vcenter, before), disk, also_at)
        )
    return Reading(before, tuple(_datastores(vcenter, ends, members)), machine, busy, found)


def write_down(session: Session, reading: Reading) -> None:
    """Write what was read into the inventory."""
    before = reading.before
    observe_pools(session, before.vcenter_id, list(reading.datastores))
    if before.machine is not None and reading.machine is not None:
        row = queries.machine_alone(session, before.machine.id)
        if row is None:
            raise NotFound(
                f"VM {before.machine.name} is not in the inventory any more: listVirtualMachines shows what is"
            )
        observe_vm(session, row, reading.machine)
    elif reading.found.arrived is not None:
        _has_arrived(session, before, reading.found.arrived)


def _members(session: Session, request: Request) -> set[str]:
    """Return the datastores that a datastore cluster's share may go to: which one, their figures decide."""
    pools = [queries.pool(session, pool_id) for pool_id in pool_ids_of(request)]
    pods = [pool for pool in pools if pool is not None and pool.is_cluster]
    return {member.moref for pod in pods for member in members_of(session, pod.id)}


def finder(vcenter: VSphereSession, move: Move) -> Callable[[str], LooseDisk | None]:
    """Return what finds the detached disk at a path, `[pool] folder/name`, and `None` where there is none."""
    with transaction() as session:
        pools = queries.vcenter(session, move.vcenter_id).file_pools
    if pools is not None:
        return partial(file_pools.find_image, pools=list(pools.items()))
    return partial(inventory.disk_exists, vcenter, move.datacenter_moref)


def _datastores(vcenter: VSphereSession, ends: Iterable[str], members: set[str]) -> list[Datastore]:
    try:
        return inventory.read_datastores(vcenter, sorted({*ends, *members}))
    except ManagedObjectGone:
        # Of a datastore cluster some member may be gone that nothing goes to.
        return inventory.read_datastores(vcenter, sorted(ends))


def _machine(vcenter: VSphereSession, known: Machine) -> tuple[VirtualMachine, bool]:
    """Read a VM, and whether a task works on it; one that was registered anew is found by its instance uuid."""
    moref = known.moref
    for last_try in (False, True):
        try:
            # Tasks first: one that ends between the two calls shows in the disks.
            busy = bool(tasks.running_tasks_of(vcenter, moref))
            return inventory.read_vm(vcenter, moref), busy
        except ManagedObjectGone:
            found = registration.find_vm_by_instance_uuid(vcenter, known.instance_uuid) if known.instance_uuid else None
            if last_try or found is None:
                raise
            moref = found
    raise AssertionError("the second try returns or raises")


def _file(find: Callable[[str], LooseDisk | None], disk: DiskMove, also_at: Sequence[str]) -> Found:
    """Look for a detached disk's file; `find` returns what is at a path."""
    wanted = target_path(disk)
    at_source, at_target = find(disk.path), find(wanted)
    if at_source is not None:
        return Found(at_source=at_source, at_target=at_target)
    # Where this job has put it, before where it is to be: somebody may have taken that name meanwhile.
    elsewhere = (find(path) for path in dict.fromkeys(also_at))
    arrived = next((found for found in elsewhere if found is not None), at_target)
    if arrived is None:
        raise NotFound(
            f"disk {disk.path} is not there any more, and not at {wanted} either: "
            f"somebody moved, attached or deleted it; sync the vCenter and look for it"
        )
    return Found(at_target=at_target, arrived=arrived)


def _first_class(vcenter: VSphereSession, move: Move, disk: DiskMove) -> Found:
    """Find a First Class Disk by its id, wherever its file lies."""
    ends = [disk.target.moref, disk.source.moref]
    found = first_class_disks.find_first_class_disk(vcenter, disk.first_class_id or "", ends)
    if found is None:
        raise NotFound(
            f"First Class Disk {disk.name} ({disk.first_class_id}) is neither on {disk.source.name} nor on "
            f"{disk.target.name}: somebody moved or deleted it; sync the vCenter and look for it"
        )
    seen = as_loose(found, move.datacenter_moref)
    return Found(at_source=seen) if found.datastore_moref == disk.source.moref else Found(arrived=seen)


def _has_arrived(session: Session, before: Move, found: LooseDisk) -> None:
    """Write down where the disk is now."""
    pool = queries.pool_by_moref(session, before.vcenter_id, found.datastore_moref)
    if pool is not None:
        observe_detached(session, before.disks[0].volume_id, pool, found)
