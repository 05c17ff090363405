"""Slots and space: how many relocations may run at once on a vCenter, a host, a pool, and what they will fill.

The limits stay under vCenter's own, beyond which it only queues; a job that finds no slot goes back into the line and
says which one it waits for. Slots and space are rows: they are freed with the job, or by whoever finishes it later.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.hypervisors.move import Move
from app.hypervisors.vmware import target_path
from app.migration import queries
from app.migration.models import Slot, SpaceReservation
from app.settings import Settings, settings


@dataclass(frozen=True)
class Resource:
    """Something that only so many relocations may use at once."""

    key: str
    """`vcenter:<id>`, `host:<id>`, `source-pool:<id>`, `target-pool:<id>`."""
    name: str
    """For people: `target pool ds-new`."""
    limit: int


def resources_of(move: Move, configured: Settings) -> list[Resource]:
    """Return what a move needs one slot of."""
    needed = [Resource(f"vcenter:{move.vcenter_id}", "the vCenter", configured.slots_per_vcenter)]
    if move.machine is not None and move.machine.host_id is not None:
        host = f"the host of VM {move.machine.name}"
        needed.append(Resource(f"host:{move.machine.host_id}", host, configured.slots_per_host))
    needed += [
        Resource(f"source-pool:{pool.id}", f"source pool {pool.name}", configured.slots_per_source_pool)
        for pool in move.sources.values()
    ]
    needed += [
        Resource(f"target-pool:{pool.id}", f"target pool {pool.name}", configured.slots_per_target_pool)
        for pool in move.targets.values()
    ]
    return needed


@dataclass(frozen=True)
class Admission:
    """What a job was given."""

    full: Resource | None
    """The resource that has no slot left: then nothing was taken."""
    reserved_bytes: dict[UUID, int]
    """What those who came first have reserved on each target; those who come later count this job's own."""


def take(session: Session, job_id: UUID, move: Move) -> Admission:
    """Take a slot of everything the move needs and reserve its space; all or nothing.

    Taking again what a job has changes nothing.
    """
    needed = resources_of(move, settings())
    session.execute(queries.LOCK_ADMISSION, {"vcenter_id": str(move.vcenter_id)})
    reserved_bytes = queries.reserved_bytes(session, move.targets.keys(), job_id)
    in_use = queries.slots_in_use(session, [resource.key for resource in needed], job_id)
    for resource in needed:
        if in_use.get(resource.key, 0) >= resource.limit:
            return Admission(full=resource, reserved_bytes=reserved_bytes)
    queries.drop_admission(session, job_id)
    session.add_all(Slot(resource=resource.key, job_id=job_id) for resource in needed)
    for pool_id in move.targets:
        session.add(SpaceReservation(pool_id=pool_id, job_id=job_id, bytes=move.needed_on(pool_id)))
    # In the order in which a sync locks them too: two that lock the same rows in two orders wait for each other.
    for disk in sorted(move.disks, key=lambda disk: disk.volume_id):
        goal = f"[{disk.target.name}]" if move.machine else target_path(disk)
        queries.mark_moving(session, disk.volume_id, job_id, goal)
    session.flush()
    return Admission(full=None, reserved_bytes=reserved_bytes)


def is_free(session: Session, resource: Resource) -> bool:
    """Say whether a slot of `resource` is free now."""
    return queries.slots_in_use(session, [resource.key], None).get(resource.key, 0) < resource.limit


def release(session: Session, job_id: UUID) -> list[str]:
    """Free a job's slots and space and let go of its volumes; returns the resources, for whoever waits for them."""
    queries.unmark_moving(session, job_id)
    return queries.drop_admission(session, job_id)
