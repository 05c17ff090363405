"""One thing is looked at, now: what a migration saw of a VM or of a detached disk is written down at once.

A migration plans on what it has just seen and reports what it has just seen; the rows follow, and a sync that began to
read earlier leaves them alone (`observed_at`).
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from app.inventory.machines import fill_vm, places_of
from app.inventory.models import StoragePool, VirtualMachine, Volume
from app.inventory.pools import fill_figures, fill_mounts_now
from app.inventory.shown import volume_name
from app.inventory.traits import VolumeTraits
from app.inventory.volumes import Looked, VolumeSync, detached_traits, write_format
from app.vsphere import facts
from app.vsphere.paths import datastore_of


def observe_vm(session: Session, vm: VirtualMachine, seen: facts.VirtualMachine) -> None:
    """Write what vCenter shows of one VM: state, places, traits, and every disk with its id kept.

    `seen` may have another reference than the row: a VM that was registered anew and found by its instance uuid.
    """
    now = session.execute(select(func.clock_timestamp())).scalar_one()
    if seen.moref != vm.moref:
        _give_reference(session, vm, seen.moref)
    rows = session.scalars(
        select(Volume)
        .where(
            Volume.vcenter_id == vm.vcenter_id,
            or_(
                Volume.vm_id == vm.id,
                Volume.disk_uuid.in_([disk.uuid for disk in seen.disks if disk.uuid]),
                Volume.fcd_id.in_([disk.fcd_id for disk in seen.disks if disk.fcd_id]),
                Volume.vm_id.is_(None) & Volume.path.in_([disk.path for disk in seen.disks]),
            ),
        )
        .options(joinedload(Volume.pool).lazyload(StoragePool.mounts))
    ).all()
    goals = {goal for row in rows if (goal := datastore_of(row.moving_to or "")) is not None}
    places = places_of(session, vm.vcenter_id, seen, goals)
    fill_vm(vm, seen, places)
    vm.observed_at = now
    sync = VolumeSync(session, vm.vcenter_id, pools=places.pools, vms={vm.moref: vm}, began=now, rows=list(rows))
    sync.write(Looked(vms=[seen]))
    session.flush()
    session.expire(vm, ["volumes"])


def _give_reference(session: Session, vm: VirtualMachine, moref: str) -> None:
    """Let a row have another reference; one that has it already was made before anybody knew that it is the same VM."""
    other = session.scalars(
        select(VirtualMachine).where(
            VirtualMachine.vcenter_id == vm.vcenter_id,
            VirtualMachine.moref == moref,
            VirtualMachine.removed_at.is_(None),
        )
    ).one_or_none()
    if other is not None:
        other.removed_at = func.now()
        session.flush()
    vm.moref, vm.removed_at = moref, None


def observe_detached(session: Session, volume_id: UUID, pool: StoragePool, seen: facts.LooseDisk) -> None:
    """Write where a detached disk was found; what was not told of it stays as it was."""
    volume = session.get_one(Volume, volume_id, with_for_update={"of": Volume})
    volume.pool_id, volume.zone_id, volume.path = pool.id, pool.zone_id, seen.path
    volume.name = volume_name(seen.path)
    volume.removed_at = None
    volume.vm_id, volume.device_key, volume.unit_number = None, None, None
    volume.disk_uuid = seen.uuid or volume.disk_uuid
    volume.fcd_id = seen.fcd_id or volume.fcd_id
    volume.capacity_bytes = seen.capacity_bytes or volume.capacity_bytes
    volume.physical_bytes = seen.physical_bytes if seen.physical_bytes is not None else volume.physical_bytes
    if seen.thin is not None or seen.format is not None:
        write_format(volume, thin=seen.thin, disk_format=seen.format)
    volume.traits = detached_traits(VolumeTraits(), volume.traits)
    volume.observed_at = func.clock_timestamp()


def observe_pools(session: Session, vcenter_id: UUID, seen: list[facts.Datastore]) -> None:
    """Write the present figures of some datastores, and how the hosts that are known to mount them see them.

    The sums of their datastore clusters are the next sync's: whoever goes to one looks at its members.
    """
    by_moref = {it.moref: it for it in seen}
    rows = session.scalars(
        select(StoragePool).where(StoragePool.vcenter_id == vcenter_id, StoragePool.moref.in_(by_moref))
    )
    for row in rows:
        fill_figures(row, by_moref[row.moref])
        fill_mounts_now(row, by_moref[row.moref])
