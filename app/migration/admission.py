"""Slots and space: how many relocations may run at once on a vCenter, a host, a pool, and what they will fill.

The limits stay under vCenter's own, beyond which it only queues; a job that finds no slot goes back into the line and
says which one it waits for. Slots and space are rows: they are freed with the job, or by whoever finishes it later.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from app.hypervisors.move import Move
from app.hypervisors.vmware import target_path
from app.migration import queries
from app.migration.models import Slot, SpaceReservation
from app.settings import Settings, settings


def resources_of(move: Move, configured: Settings) -> dict[str, int]:
    """Return what a move needs one slot of, each with its limit."""
    limits = {f"vcenter:{move.vcenter_id}": configured.slots_per_vcenter}
    if move.machine is not None and move.machine.host_id is not None:
        limits[f"host:{move.machine.host_id}"] = configured.slots_per_host
    limits |= {f"source-pool:{pool_id}": configured.slots_per_source_pool for pool_id in move.sources}
    limits |= {f"target-pool:{pool_id}": configured.slots_per_target_pool for pool_id in move.targets}
    return limits


def take(session: Session, job_id: UUID, move: Move) -> str | None:
    """Take a slot of everything the move needs and reserve its space; all or nothing.

    Returns `None` when it worked, else the resource that has no slot left. Taking again what a job has changes nothing.
    """
    limits = resources_of(move, settings())
    session.execute(queries.LOCK_ADMISSION, {"vcenter_id": str(move.vcenter_id)})
    in_use = queries.slots_in_use(session, limits.keys(), job_id)
    for resource, limit in limits.items():
        if in_use.get(resource, 0) >= limit:
            return resource
    queries.drop_admission(session, job_id)
    session.add_all(Slot(resource=resource, job_id=job_id) for resource in limits)
    for pool_id in move.targets:
        needed = sum(disk.needed_bytes for disk in move.disks if disk.target.id == pool_id)
        session.add(SpaceReservation(pool_id=pool_id, job_id=job_id, bytes=needed))
    for disk in move.disks:
        goal = f"[{disk.target.name}]" if move.machine else target_path(disk)
        queries.mark_moving(session, disk.volume_id, job_id, goal)
    session.flush()
    return None


def release(session: Session, job_id: UUID) -> list[str]:
    """Free a job's slots and space and let go of its volumes; returns the resources, for whoever waits for them."""
    queries.unmark_moving(session, job_id)
    return queries.drop_admission(session, job_id)
