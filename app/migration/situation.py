"""What the pre-flight checks look at: one frozen picture of both ends, from the inventory or from vCenter itself.

`from_inventory` serves questions (`findStoragePoolsForMigration`); `refreshed` puts what vCenter says this second over
it, and is what a migration is started on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.orm import Session

from app.hypervisors.move import Move
from app.inventory.models import StoragePool
from app.migration import queries
from app.migration.look import Sight
from app.vsphere.facts import Datastore


@dataclass(frozen=True)
class Target:
    """A pool that something goes to."""

    name: str
    capacity_bytes: int
    free_bytes: int
    reserved_bytes: int
    """What other running jobs are going to fill."""
    accessible: bool
    maintenance_mode: str
    tags: frozenset[str]
    writable_cluster_ids: frozenset[UUID]
    """Clusters with a connected host that mounts it read-write."""


@dataclass(frozen=True)
class VolumeState:
    """What is known of one volume that moves."""

    offering: str | None
    required_tags: frozenset[str]
    target_is_taken: bool = False
    """Another file has the path that a detached disk would go to."""
    opened_by: str | None = None
    """Who has a detached disk open, where that can be told."""
    stands_on: str | None = None
    """The file that a detached disk is an overlay of."""


@dataclass(frozen=True)
class Situation:
    """Both ends of a move at one moment."""

    move: Move
    power_state: str | None
    """Of the VM; `None` for a detached disk."""
    is_template: bool
    task_running: bool
    """Something is working on the VM already."""
    targets: dict[UUID, Target]
    volumes: dict[UUID, VolumeState]
    live_job: UUID | None = None
    """A job that works on the same VM or volume, and is not the one that asks."""


def from_inventory(
    session: Session,
    move: Move,
    reserved_bytes: Mapping[UUID, int] | None = None,
    *,
    live_job: UUID | None = None,
) -> Situation:
    """Return the picture that the last sync gives.

    `reserved_bytes` is what others have reserved on each target, as an admission found it; without it, what all jobs
    have reserved now.
    """
    reserved = queries.reserved_bytes(session, move.targets.keys(), None) if reserved_bytes is None else reserved_bytes
    machine = queries.virtual_machine(session, move.machine.id) if move.machine else None
    targets = {}
    for pool_id in move.targets:
        row = queries.pool(session, pool_id)
        if row is not None:
            targets[pool_id] = _target(row, reserved.get(pool_id, 0))
    volumes = {}
    for disk in move.disks:
        volume = queries.volume(session, disk.volume_id)
        offering = volume.disk_offering if volume else None
        volumes[disk.volume_id] = VolumeState(
            offering=offering.name if offering else None,
            required_tags=frozenset(offering.tags) if offering else frozenset(),
        )
    return Situation(
        move=move,
        power_state=machine.power_state if machine else None,
        is_template=machine.is_template if machine else False,
        task_running=False,
        targets=targets,
        volumes=volumes,
        live_job=live_job,
    )


def refreshed(situation: Situation, sight: Sight) -> Situation:
    """Return the same with what vCenter has just shown."""
    move = situation.move
    targets = {
        pool.id: _now(situation.targets[pool.id], sight.datastores.get(pool.moref))
        for pool in move.targets.values()
        if pool.id in situation.targets
    }
    volumes = situation.volumes
    if move.machine is None:
        volumes = {
            disk.volume_id: replace(
                volumes[disk.volume_id],
                target_is_taken=sight.at_target is not None,
                opened_by=sight.at_source.opened_by if sight.at_source else None,
                stands_on=sight.at_source.stands_on if sight.at_source else None,
            )
            for disk in move.disks
        }
    return replace(situation, targets=targets, volumes=volumes, task_running=sight.busy)


def _target(row: StoragePool, reserved_bytes: int) -> Target:
    return Target(
        name=row.name,
        capacity_bytes=row.capacity_bytes,
        free_bytes=row.free_bytes,
        reserved_bytes=reserved_bytes,
        accessible=row.accessible,
        maintenance_mode=row.maintenance_mode,
        tags=row.tags,
        writable_cluster_ids=frozenset(mount.host.cluster_id for mount in row.mounts if mount.usable),
    )


def _now(target: Target, live: Datastore | None) -> Target:
    """Return `target` with the figures of this second; a datastore that is gone is inaccessible."""
    if live is None:
        return replace(target, accessible=False)
    return replace(
        target,
        capacity_bytes=live.capacity_bytes,
        free_bytes=live.free_bytes,
        accessible=live.accessible,
        maintenance_mode=live.maintenance_mode,
    )
