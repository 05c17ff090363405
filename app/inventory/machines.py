"""VMs as vCenter shows them: which row is which VM, and what is written into it.

A VM is recognised by its managed object reference, one that was registered anew by its instance uuid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, lazyload

from app.inventory.models import DATASTORE_CLUSTER, Cluster, Host, StoragePool, VCenter, VirtualMachine, Zone
from app.inventory.traits import VmTraits
from app.vsphere import facts

_Place = TypeVar("_Place", Zone, Cluster, Host)


@dataclass(frozen=True)
class Places:
    """The rows that VMs refer to, by managed object reference."""

    zones: Mapping[str, Zone]
    clusters: Mapping[str, Cluster]
    hosts: Mapping[str, Host]
    pools: Mapping[str, StoragePool]


def places_of(session: Session, vcenter_id: UUID, vm: facts.VirtualMachine, pool_names: Collection[str]) -> Places:
    """Return the places that one VM names, as the inventory has them, and the pools that are called so.

    Not all that the vCenter has: it may have thousands of mounts, and each job looks.
    """
    zone, cluster, host = session.execute(
        select(Zone, Cluster, Host)
        .select_from(VCenter)
        .outerjoin(Zone, and_(Zone.vcenter_id == VCenter.id, Zone.moref == vm.datacenter_moref))
        .outerjoin(Cluster, and_(Cluster.vcenter_id == VCenter.id, Cluster.moref == vm.cluster_moref))
        .outerjoin(Host, and_(Host.vcenter_id == VCenter.id, Host.moref == vm.host_moref))
        .where(VCenter.id == vcenter_id)
        .options(lazyload(Zone.vcenter))
    ).one()
    named = {vm.home_datastore_moref, *(disk.datastore_moref for disk in vm.disks)} - {None}
    pools = session.scalars(
        select(StoragePool)
        .where(
            StoragePool.vcenter_id == vcenter_id,
            StoragePool.type != DATASTORE_CLUSTER,
            or_(StoragePool.moref.in_(named), StoragePool.name.in_(pool_names)),
        )
        .options(lazyload(StoragePool.mounts))
    )
    return Places(
        zones=_known(zone),
        clusters=_known(cluster),
        hosts=_known(host),
        pools={row.moref: row for row in pools},
    )


def _known(row: _Place | None) -> dict[str, _Place]:
    return {} if row is None else {row.moref: row}


def keep_vms(
    session: Session, vcenter_id: UUID, seen: Iterable[facts.VirtualMachine], places: Places, began: datetime
) -> dict[str, VirtualMachine]:
    """Return the row of each VM, by reference; make new ones, mark those of VMs that are not shown any more.

    What is older than a row (`observed_at`) is not written into it.
    """
    shown = list(seen)
    rows = list(session.scalars(select(VirtualMachine).where(VirtualMachine.vcenter_id == vcenter_id)))
    by_moref = {row.moref: row for row in sorted(rows, key=lambda row: row.removed_at is None)}
    shown_morefs = {vm.moref for vm in shown}
    by_uuid: dict[str | None, VirtualMachine] = {
        row.instance_uuid: row for row in rows if row.instance_uuid and row.moref not in shown_morefs
    }
    present: dict[str, VirtualMachine] = {}
    for vm in shown:
        row = by_moref.get(vm.moref) or by_uuid.pop(vm.instance_uuid, None)
        if row is None:
            row = VirtualMachine(id=uuid4(), vcenter_id=vcenter_id, observed_at=began)
            session.add(row)
        present[vm.moref] = row
        row.moref, row.removed_at = vm.moref, None
        if row.observed_at <= began:
            fill_vm(row, vm, places)
            row.observed_at = began
    kept = {row.id for row in present.values()}
    for row in rows:
        if row.id not in kept and row.removed_at is None:
            row.removed_at = func.now()
    return present


def fill_vm(row: VirtualMachine, vm: facts.VirtualMachine, places: Places) -> None:
    """Write what vCenter shows of a VM; what it cannot tell now (its host or its storage is away) stays as it was."""
    zone, cluster = places.zones.get(vm.datacenter_moref or ""), places.clusters.get(vm.cluster_moref or "")
    host, home = places.hosts.get(vm.host_moref or ""), places.pools.get(vm.home_datastore_moref or "")
    row.name, row.power_state = vm.name, vm.power_state
    row.traits = _traits(vm, row.traits)
    if zone is not None:
        row.zone_id = zone.id
    row.cluster_id = cluster.id if cluster else None
    row.host_id = host.id if host else None
    row.path = vm.vm_path_name or row.path or ""
    if home is not None or vm.config_known:
        row.home_pool_id = home.id if home else None
    if vm.config_known:
        row.instance_uuid, row.guest_id = vm.instance_uuid, vm.guest_id or ""
        row.cpu_count, row.memory_mib = vm.cpu_count or 0, (vm.memory_bytes or 0) // 2**20
    row.is_template = vm.is_template if vm.config_known else bool(row.is_template)


def _traits(vm: facts.VirtualMachine, before: VmTraits | None) -> VmTraits:
    """`before`: of a row that is only being made there are none."""
    if not vm.config_known:
        known = before or VmTraits()
        return known.model_copy(update={"config_known": False, "connection_state": vm.connection_state})
    return VmTraits(
        connection_state=vm.connection_state,
        has_snapshots=vm.has_snapshots,
        linked_to=vm.linked_to,
        consolidation_needed=vm.consolidation_needed,
        change_tracking=vm.change_tracking,
        encrypted=vm.encrypted,
        iso_paths=vm.iso_paths,
        floppy_paths=vm.floppy_paths,
        other_bytes=vm.other_bytes,
    )
