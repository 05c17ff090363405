"""One thing is looked at, now: what a migration saw of a VM or of a detached disk is written down at once.

A migration plans on what it has just seen and reports what it has just seen; the rows follow, and a sync that began to
read earlier leaves them alone (`observed_at`).
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.inventory.models import StoragePool, VirtualMachine, Volume
from app.inventory.volumes import VolumeSync, volume_name
from app.vsphere import facts


def observe_vm(session: Session, vm: VirtualMachine, seen: facts.VirtualMachine) -> None:
    """Write what vCenter shows of one VM: power state, home, and every disk with its id kept."""
    now = session.execute(select(func.clock_timestamp())).scalar_one()
    pools = {
        pool.moref: pool for pool in session.scalars(select(StoragePool).where(StoragePool.vcenter_id == vm.vcenter_id))
    }
    home = pools.get(seen.home_datastore_moref or "")
    vm.name, vm.power_state, vm.is_template = seen.name, seen.power_state, seen.is_template
    vm.path = seen.vm_path_name or vm.path
    vm.home_pool_id = home.id if home else vm.home_pool_id
    vm.observed_at = now
    rows = session.scalars(
        select(Volume).where(
            Volume.vcenter_id == vm.vcenter_id,
            or_(
                Volume.vm_id == vm.id,
                Volume.disk_uuid.in_([disk.uuid for disk in seen.disks if disk.uuid]),
                Volume.vm_id.is_(None) & Volume.path.in_([disk.path for disk in seen.disks]),
            ),
        )
    )
    sync = VolumeSync(session, vm.vcenter_id, pools=pools, vms={vm.moref: vm}, began=now, rows=list(rows))
    sync.write([seen], [], whole=False)
    session.flush()
    session.expire(vm, ["volumes"])


def observe_detached(session: Session, volume_id: UUID, pool: StoragePool, seen: facts.LooseDisk) -> None:
    """Write where a detached disk was found."""
    volume = session.get_one(Volume, volume_id, with_for_update={"of": Volume})
    volume.pool_id, volume.zone_id, volume.path = pool.id, pool.zone_id, seen.path
    volume.name = volume_name(seen.path)
    volume.removed_at = None
    volume.disk_uuid = seen.uuid or volume.disk_uuid
    volume.capacity_bytes = seen.capacity_bytes or volume.capacity_bytes
    volume.physical_bytes = seen.physical_bytes if seen.physical_bytes is not None else volume.physical_bytes
    volume.thin = seen.thin if seen.thin is not None else volume.thin
    volume.observed_at = func.clock_timestamp()


def observe_pools(session: Session, vcenter_id: UUID, seen: list[facts.Datastore]) -> None:
    """Write the present figures of some pools."""
    by_moref = {it.moref: it for it in seen}
    rows = session.scalars(
        select(StoragePool).where(StoragePool.vcenter_id == vcenter_id, StoragePool.moref.in_(by_moref))
    )
    for row in rows:
        it = by_moref[row.moref]
        row.capacity_bytes, row.free_bytes = it.capacity_bytes, it.free_bytes
        row.uncommitted_bytes = it.uncommitted_bytes
        row.accessible, row.maintenance_mode = it.accessible, it.maintenance_mode
