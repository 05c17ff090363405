"""Looking: what vCenter shows of the things a request is about is written into the inventory, and only then judged.

vCenter is asked between two transactions, never inside one: a call may last as long as its timeout, and a row that is
locked meanwhile would keep the lease from being renewed.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db import transaction
from app.errors import NotFound
from app.hypervisors.move import DiskMove, Move
from app.hypervisors.vmware import target_path
from app.inventory.observe import observe_detached, observe_pools, observe_vm
from app.jobs import leases
from app.jobs.leases import Claim
from app.migration import queries
from app.migration.plan import find_vm, plan
from app.migration.requests import Request
from app.vsphere import inventory, tasks
from app.vsphere.facts import Datastore, LooseDisk, VirtualMachine
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


def look(claim: Claim, vcenter: VSphereSession, request: Request) -> Sight:
    """Look at the VM or the detached disk and at the pools, write it down, and plan the request on it.

    Raises `NotFound` when the VM is gone, or a detached disk is at neither end, and what a call to vCenter raises.
    """
    with transaction() as session:
        before = plan(session, request)
    machine, busy, at_source, at_target = None, False, None, None
    if before.machine is not None:
        # Tasks first: one that ends between the two calls shows in the disks.
        busy = bool(tasks.running_tasks_of(vcenter, before.machine.moref))
        machine = inventory.read_vm(vcenter, before.machine.moref)
    elif before.disks:
        at_source, at_target = _both_ends(vcenter, before, before.disks[0])
    ends = {pool.moref for pool in [*before.sources.values(), *before.targets.values()]}
    datastores = inventory.read_datastores(vcenter, sorted(ends))
    with transaction() as session:
        leases.held(session, claim)
        observe_pools(session, before.vcenter_id, datastores)
        if before.machine is not None and machine is not None:
            observe_vm(session, find_vm(session, before.machine.id), machine)
        elif at_target is not None and at_source is None:
            _has_arrived(session, before.disks[0], at_target)
    # Planned in a transaction of its own: on what has been written, not on what the other session remembers.
    with transaction() as session:
        move = plan(session, request)
    return Sight(
        move=move,
        datastores={datastore.moref: datastore for datastore in datastores},
        machine=machine,
        busy=busy,
        at_source=at_source,
        at_target=at_target,
    )


def _both_ends(vcenter: VSphereSession, move: Move, disk: DiskMove) -> tuple[LooseDisk | None, LooseDisk | None]:
    at_source = inventory.disk_exists(vcenter, move.datacenter_moref, disk.path)
    at_target = inventory.disk_exists(vcenter, move.datacenter_moref, target_path(disk))
    if at_source is None and at_target is None:
        raise NotFound(
            f"disk {disk.path} is not there any more, and not at {target_path(disk)} either: "
            f"somebody moved, attached or deleted it; sync the vCenter and look for it"
        )
    return at_source, at_target


def _has_arrived(session: Session, disk: DiskMove, found: LooseDisk) -> None:
    """Write down that the disk is on its target now."""
    target = queries.pool(session, disk.target.id)
    if target is not None:
        observe_detached(session, disk.volume_id, target, found)
