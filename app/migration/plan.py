"""From a request to a move: what the inventory says is to be moved, from where, to where."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.orm import Session

from app.errors import NotFound
from app.hypervisors.move import DiskMove, Machine, Move, Pool
from app.hypervisors.registry import VMWARE
from app.inventory.models import StoragePool, VirtualMachine, Volume
from app.migration import queries
from app.migration.requests import MigrateVolume, Request


def subject_of(session: Session, request: Request) -> str:
    """Return what vCenter will work on: the VM, also when only one of its disks moves, or the detached volume.

    Two jobs on one VM would only meet as TaskInProgress in vCenter; so they are refused by this name.
    """
    if isinstance(request, MigrateVolume):
        volume = find_volume(session, request.volume_id)
        return f"vm:{volume.vm_id}" if volume.vm_id else f"volume:{volume.id}"
    return f"vm:{request.vm_id}"


def plan(session: Session, request: Request) -> Move:
    """Return what is left to be moved; raises `NotFound` when the VM, the volume or the pool is gone."""
    target = find_pool(session, request.pool_id)
    if isinstance(request, MigrateVolume):
        volume = find_volume(session, request.volume_id)
        vm = find_vm(session, volume.vm_id) if volume.vm_id else None
        return _move(session, vm, volume.vcenter_id, volume.zone_id, home_target=None, volumes=[volume], target=target)
    vm = find_vm(session, request.vm_id)
    return _move(session, vm, vm.vcenter_id, vm.zone_id, home_target=target, volumes=vm.volumes, target=target)


def _move(
    session: Session,
    vm: VirtualMachine | None,
    vcenter_id: UUID,
    zone_id: UUID,
    *,
    home_target: StoragePool | None,
    volumes: Iterable[Volume],
    target: StoragePool,
) -> Move:
    return Move(
        hypervisor=VMWARE,
        vcenter_id=vcenter_id,
        datacenter_moref=queries.zone_moref(session, zone_id),
        machine=_machine(session, vm) if vm else None,
        home_target=as_pool(home_target) if home_target else None,
        disks=tuple(
            DiskMove(
                volume_id=volume.id,
                name=volume.name,
                path=volume.path,
                device_key=volume.device_key,
                capacity_bytes=volume.capacity_bytes,
                needed_bytes=_needed_bytes(volume),
                source=as_pool(volume.pool),
                target=as_pool(target),
            )
            for volume in volumes
            if volume.pool_id != target.id
        ),
    )


def _needed_bytes(volume: Volume) -> int:
    """Return what a copy takes: all of a thick disk, what a thin one holds; when in doubt, all of it."""
    if volume.thin and volume.physical_bytes is not None:
        return volume.physical_bytes
    return volume.capacity_bytes


def _machine(session: Session, vm: VirtualMachine) -> Machine:
    home = queries.pool(session, vm.home_pool_id) if vm.home_pool_id else None
    return Machine(
        id=vm.id,
        name=vm.name,
        moref=vm.moref,
        cluster_id=vm.cluster_id,
        host_id=vm.host_id,
        home=as_pool(home) if home else None,
    )


def as_pool(row: StoragePool) -> Pool:
    """Return a pool's row as strategies and gurus see it."""
    return Pool(
        id=row.id,
        name=row.name,
        moref=row.moref,
        hypervisor=VMWARE,
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
