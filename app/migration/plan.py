"""From a request to a move: what the inventory says is to be moved, from where, to where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from app.errors import InvalidParameter, NotFound
from app.hypervisors.move import DiskMove, Machine, Move, Pool
from app.hypervisors.vmware import worker_folder
from app.inventory.models import VMWARE, DiskOffering, StoragePool, VirtualMachine, Volume
from app.inventory.space import needed_bytes
from app.migration import queries
from app.migration.datastore_clusters import member_for
from app.migration.requests import MigrateVirtualMachine, MigrateVolume, Request, new_offering_of
from app.vsphere.facts import DiskFormat


def subject_of(session: Session, request: Request) -> str:
    """Return what vCenter will work on: the VM, also when only one of its disks moves, or the detached volume.

    Two jobs on one VM would only meet as TaskInProgress in vCenter; so they are refused by this name.
    """
    if isinstance(request, MigrateVolume):
        volume = find_volume(session, request.volume_id)
        return f"vm:{volume.vm_id}" if volume.vm_id else f"volume:{volume.id}"
    return f"vm:{request.vm_id}"


def plan(session: Session, request: Request) -> Move:
    """Return what is left to be moved.

    Raises `NotFound` when the VM, a volume or a pool is gone, and `InvalidParameter` for what cannot be meant.
    """
    if isinstance(request, MigrateVolume):
        volume = find_volume(session, request.volume_id)
        vm = find_vm(session, volume.vm_id) if volume.vm_id else None
        goals = {volume.id: find_pool(session, request.pool_id)}
        volumes: Sequence[Volume] = [volume]
    else:
        vm = find_vm(session, request.vm_id)
        goals = _goals(session, vm, request)
        volumes = [volume for volume in vm.volumes if volume.id in goals]
    home = _home_goal(session, request, vm, goals)
    anchor = vm or volumes[0]
    zone, secondary = queries.zone(session, anchor.zone_id)
    # Over /folder every byte of a thin disk's extent is written.
    inflates = zone.vcenter.hypervisor == VMWARE and not zone.vcenter.native_motion
    members = _members(session, request, volumes, goals, home)
    home_target = _home_target(session, vm, home, members) if home and vm else None
    moving = [volume for volume in volumes if _has_to_move(volume, goals[volume.id], request.format)]
    disks = tuple(
        replace(
            _disk_move(volume, members.get(goals[volume.id].id, goals[volume.id]), request.format, inflates=inflates),
            own_place=_own_place(session, volume),
        )
        for volume in moving
    )
    return Move(
        hypervisor=zone.vcenter.hypervisor,
        vcenter_id=anchor.vcenter_id,
        datacenter_moref=zone.moref,
        machine=_machine(session, vm) if vm else None,
        home_target=as_pool(home_target) if home_target else None,
        disks=disks,
        secondary=secondary,
        native=zone.vcenter.native_motion,
    )


def _goals(session: Session, vm: VirtualMachine, request: MigrateVirtualMachine) -> dict[UUID, StoragePool]:
    """Return where each volume shall go; those that stay are not in it."""
    own = {volume.id for volume in vm.volumes}
    if foreign := sorted(str(volume_id) for volume_id in request.volumes.keys() - own):
        raise NotFound(f"volume {', '.join(foreign)} is not attached to VM {vm.name}: listVolumes shows those that are")
    pools = {pool_id: find_pool(session, pool_id) for pool_id in request.volumes.values()}
    goals = {volume_id: pools[pool_id] for volume_id, pool_id in request.volumes.items()}
    if request.pool_id is not None:
        everything = find_pool(session, request.pool_id)
        goals = dict.fromkeys(own, everything) | goals
    return goals


def _home_goal(
    session: Session, request: Request, vm: VirtualMachine | None, goals: Mapping[UUID, StoragePool]
) -> StoragePool | None:
    """Return where the VM's configuration shall go; `None`: it stays, or there is no VM."""
    if vm is None or request.with_home is False:
        return None
    if isinstance(request, MigrateVirtualMachine) and request.pool_id is not None:
        return find_pool(session, request.pool_id)
    # CloudStack's ROOT is the first disk of a VM; where it goes, the VM is.
    root = vm.volumes[0] if vm.volumes else None
    if root is not None and root.id in goals:
        return goals[root.id]
    if request.with_home:
        if isinstance(request, MigrateVolume):
            return goals[request.volume_id]
        raise InvalidParameter(f"the configuration of VM {vm.name} has nowhere to go: name a pool for it or for ROOT")
    return None


def _members(
    session: Session,
    request: Request,
    volumes: Sequence[Volume],
    goals: Mapping[UUID, StoragePool],
    home: StoragePool | None,
) -> dict[UUID, StoragePool]:
    """Return, for each datastore cluster that something goes to, the member that takes it: one for all of it."""
    pods = {pool.id: pool for pool in [*goals.values(), *([home] if home else [])] if pool.is_cluster}
    offering_id = new_offering_of(request)
    # One that is gone by now has no tags. It is missed where that matters: before anything moves, and at the end.
    new = queries.disk_offering(session, offering_id) if offering_id else None
    return {
        pod.id: member_for(session, pod, [volume for volume in volumes if goals[volume.id].id == pod.id], new)
        for pod in pods.values()
    }


def _home_target(
    session: Session, vm: VirtualMachine, goal: StoragePool, members: Mapping[UUID, StoragePool]
) -> StoragePool:
    """Return where the VM's configuration goes; in a datastore cluster that has it already, it stays."""
    if not goal.is_cluster:
        return goal
    present = queries.pool(session, vm.home_pool_id) if vm.home_pool_id else None
    return present if present is not None and present.parent_id == goal.id else members[goal.id]


def _has_to_move(volume: Volume, goal: StoragePool, target_format: DiskFormat | None) -> bool:
    there = goal.id in {volume.pool_id, volume.pool.parent_id}
    return not there or (target_format is not None and volume.format not in {None, target_format})


def _disk_move(volume: Volume, target: StoragePool, target_format: DiskFormat | None, *, inflates: bool) -> DiskMove:
    known = DiskFormat(volume.format) if volume.format else None
    converted = target_format if target_format is not None and target_format is not known else None
    return DiskMove(
        volume_id=volume.id,
        name=volume.name,
        path=volume.path,
        device_key=volume.device_key,
        capacity_bytes=volume.capacity_bytes,
        needed_bytes=needed_bytes(volume, converted or (DiskFormat.THICK if inflates else None)),
        source=as_pool(volume.pool),
        target=as_pool(target),
        format=known,
        target_format=converted,
        first_class_id=volume.fcd_id,
        uuid=volume.disk_uuid,
        chain_length=len(volume.traits.chain) if volume.vm_id else None,
    )


def _own_place(session: Session, volume: Volume) -> str | None:
    """Return the folder and name of its own that a disk lost when it was left in a worker VM's folder, if known."""
    if volume.vm_id is not None or worker_folder(volume.path) is None:
        return None
    _, _, within = (queries.last_own_path(session, volume.id) or "").partition("] ")
    return within or None


def _machine(session: Session, vm: VirtualMachine) -> Machine:
    home = queries.pool(session, vm.home_pool_id) if vm.home_pool_id else None
    return Machine(
        id=vm.id,
        name=vm.name,
        moref=vm.moref,
        cluster_id=vm.cluster_id,
        host_id=vm.host_id,
        home=as_pool(home) if home else None,
        instance_uuid=vm.instance_uuid,
        consolidation_needed=vm.traits.consolidation_needed,
        path=vm.path,
        disk_paths=tuple(volume.path for volume in vm.volumes),
        linked_to=vm.traits.linked_to,
        home_bytes=vm.traits.other_bytes or 0,
    )


def as_pool(row: StoragePool) -> Pool:
    """Return a pool's row as strategies and gurus see it."""
    return Pool(
        id=row.id,
        name=row.name,
        moref=row.moref,
        hypervisor=row.hypervisor,
        cluster_ids=frozenset(mount.host.cluster_id for mount in row.mounts if mount.mounted),
    )


def find_volume(session: Session, volume_id: UUID) -> Volume:
    """Return a volume that is present; raises `NotFound`."""
    volume = queries.volume(session, volume_id)
    if volume is None:
        raise NotFound(f"unable to find a volume with id {volume_id}: listVolumes shows those that exist")
    return volume


def find_vm(session: Session, vm_id: UUID) -> VirtualMachine:
    """Return a VM that is present; raises `NotFound`."""
    vm = queries.virtual_machine(session, vm_id)
    if vm is None:
        raise NotFound(f"unable to find a virtual machine with id {vm_id}: listVirtualMachines shows those that exist")
    return vm


def find_pool(session: Session, pool_id: UUID) -> StoragePool:
    """Return a pool that is present; raises `NotFound`."""
    pool = queries.pool(session, pool_id)
    if pool is None:
        raise NotFound(f"unable to find a storage pool with id {pool_id}: listStoragePools shows those that exist")
    return pool


def find_offering(session: Session, offering_id: UUID) -> DiskOffering:
    """Return a disk offering; raises `NotFound`."""
    offering = queries.disk_offering(session, offering_id)
    if offering is None:
        raise NotFound(
            f"unable to find a disk offering with id {offering_id}: listDiskOfferings shows those that exist"
        )
    return offering
