"""What the pre-flight checks look at: one frozen picture of both ends, from the inventory or from vCenter itself.

`from_inventory` serves questions (`findStoragePoolsForMigration`); `refreshed` puts what vCenter says this second over
it, and is what a migration is started on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy.orm import Session

from app.hypervisors.move import Move
from app.inventory.models import DiskOffering, Host, StoragePool, VirtualMachine, Volume
from app.inventory.traits import VmTraits, VolumeTraits
from app.migration import queries
from app.migration.look import Sight
from app.migration.plan import find_offering
from app.migration.surroundings import Surroundings
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
    writable_host_ids: frozenset[UUID] | None = None
    """Those hosts; `None`: not asked for."""
    type: str = "VMFS"
    """`VMFS`, `NFS`, `vsan`, …"""


@dataclass(frozen=True)
class HostState:
    """The host that a VM is registered on, which copies its files."""

    id: UUID
    name: str
    connected: bool
    in_maintenance: bool


@dataclass(frozen=True)
class VolumeState:
    """What is known of one volume that moves."""

    offering: str | None
    """Its disk offering, or the one that it takes with the migration."""
    required_tags: frozenset[str]
    """Of that offering."""
    offering_is_new: bool = False
    """It takes that offering with the migration."""
    target_is_taken: bool = False
    """Another file has the path that a detached disk would go to."""
    opened_by: str | None = None
    """Who has a detached disk open, where that can be told."""
    stands_on: str | None = None
    """The file that a detached disk is an overlay of."""
    traits: VolumeTraits = field(default_factory=VolumeTraits)
    shared_with: tuple[str, ...] = ()
    """Names of other VMs that have the same disk."""
    hanging_on_it: tuple[str, ...] = ()
    """Names of linked clones whose disks hang on it."""


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
    accepted_as: str | None = None
    """What the job was accepted for, `vm:<id>` or `volume:<id>`; `None`: there is no job yet."""
    traits: VmTraits = field(default_factory=VmTraits)
    """Of the VM."""
    memory_bytes: int = 0
    """Of the VM."""
    host: HostState | None = None
    """Of the VM; `None`: not known."""
    surroundings: Surroundings = field(default_factory=Surroundings)


def from_inventory(
    session: Session,
    move: Move,
    reserved_bytes: Mapping[UUID, int] | None = None,
    *,
    live_job: UUID | None = None,
    new_offering_id: UUID | None = None,
) -> Situation:
    """Return the picture that the last sync gives.

    `reserved_bytes` is what others have reserved on each target, as an admission found it; without it, what all jobs
    have reserved now. `new_offering_id` is the disk offering that the volumes take with the migration; raises
    `NotFound` when it is gone.
    """
    new = find_offering(session, new_offering_id) if new_offering_id else None
    reserved = queries.reserved_bytes(session, move.targets.keys(), None) if reserved_bytes is None else reserved_bytes
    machine = queries.virtual_machine(session, move.machine.id) if move.machine else None
    host = session.get(Host, machine.host_id) if machine and machine.host_id else None
    pools = [queries.pool(session, pool_id) for pool_id in move.targets]
    volumes = [queries.volume(session, disk.volume_id) for disk in move.disks]
    return Situation(
        move=move,
        power_state=machine.power_state if machine else None,
        is_template=machine.is_template if machine else False,
        task_running=False,
        targets={row.id: _target(row, reserved.get(row.id, 0)) for row in pools if row is not None},
        volumes={
            disk.volume_id: _volume(session, row, machine, new) if row is not None else VolumeState(None, frozenset())
            for disk, row in zip(move.disks, volumes, strict=True)
        },
        live_job=live_job,
        traits=machine.traits if machine else VmTraits(),
        memory_bytes=machine.memory_mib * 2**20 if machine else 0,
        host=HostState(host.id, host.name, host.connected, host.in_maintenance) if host else None,
    )


def refreshed(situation: Situation, sight: Sight, surroundings: Surroundings | None = None) -> Situation:
    """Return the same with what vCenter has just shown; what was written down of it, `from_inventory` has seen."""
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
    return replace(
        situation,
        targets=targets,
        volumes=volumes,
        task_running=sight.busy,
        surroundings=surroundings or situation.surroundings,
    )


def _target(row: StoragePool, reserved_bytes: int) -> Target:
    return Target(
        name=row.name,
        capacity_bytes=row.capacity_bytes,
        free_bytes=row.free_bytes,
        reserved_bytes=reserved_bytes,
        accessible=row.accessible,
        maintenance_mode=row.maintenance_mode,
        tags=row.tags,
        writable_cluster_ids=row.writable_cluster_ids,
        writable_host_ids=frozenset(mount.host_id for mount in row.mounts if mount.usable),
        type=row.type,
    )


def _volume(session: Session, row: Volume, machine: VirtualMachine | None, new: DiskOffering | None) -> VolumeState:
    offering = new or row.disk_offering
    return VolumeState(
        offering=offering.name if offering else None,
        required_tags=frozenset(offering.tags) if offering else frozenset(),
        offering_is_new=new is not None,
        traits=row.traits,
        shared_with=queries.others_with_disk(session, row),
        hanging_on_it=queries.clones_on(session, [row.path, *row.traits.chain], row, machine),
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
