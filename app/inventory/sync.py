"""The inventory is read from a vCenter in one pass and written in one transaction.

Ids survive: a thing is recognised by its managed object reference, a VM that was registered anew by its instance uuid,
a disk by its VM and device, by its own uuid, or by its path (see `volumes.py`). What vCenter no longer shows is marked,
not deleted. Rows that somebody observed after this pass began to read are left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.db import transaction
from app.errors import VrelocateError
from app.inventory.models import Cluster, Host, Mount, StoragePool, VCenter, VirtualMachine, Volume, Zone
from app.inventory.vcenters import session_to
from app.inventory.volumes import VolumeSync
from app.settings import settings
from app.telemetry import logger
from app.vsphere import facts

log = logger(__name__)


@dataclass(frozen=True)
class SyncReport:
    """What one pass saw, and how long it took."""

    zones: int
    clusters: int
    hosts: int
    pools: int
    virtual_machines: int
    volumes: int
    read_seconds: float
    write_seconds: float


class _Row(Protocol):
    """What every discovered row has."""

    id: UUID
    vcenter_id: UUID
    name: str
    moref: str
    removed_at: datetime | None


class _Seen(Protocol):
    """What every thing that vCenter shows has."""

    @property
    def moref(self) -> str: ...

    @property
    def name(self) -> str: ...


RowT = TypeVar("RowT", bound=_Row)
SeenT = TypeVar("SeenT", bound=_Seen)


def sync_vcenter(vcenter_id: UUID) -> SyncReport:
    """Read a vCenter's inventory and write it down.

    Raises what the session raises when vCenter does not answer; the vCenter's row then says so (`sync_error`).
    """
    with transaction() as session:
        began = session.execute(select(func.clock_timestamp())).scalar_one()
    clock = time.monotonic()
    try:
        # pyVmomi is heavy: it is loaded by whoever really talks to a vCenter.
        from app.vsphere.inventory import read_inventory  # noqa: PLC0415

        seen = read_inventory(session_to(vcenter_id), settings().tag_category)
    except VrelocateError as error:
        with transaction() as session:
            session.execute(update(VCenter).where(VCenter.id == vcenter_id).values(sync_error=str(error)))
        raise
    read_seconds = time.monotonic() - clock
    with transaction() as session:
        counts = _write(session, vcenter_id, seen, began)
    report = SyncReport(
        **counts, read_seconds=round(read_seconds, 3), write_seconds=round(time.monotonic() - clock - read_seconds, 3)
    )
    log.info("inventory.synced", vcenter_id=str(vcenter_id), **vars(report))
    return report


def _write(session: Session, vcenter_id: UUID, seen: facts.Inventory, began: datetime) -> dict[str, int]:
    """Write one pass; two passes over the same vCenter take turns on its row."""
    # A big inventory takes seconds to write, and whoever waits for this row waits that long.
    session.execute(text("SET LOCAL lock_timeout = '120s'"))
    # Not its key: what a migration writes meanwhile refers to this row, and would wait for us as we wait for it.
    vcenter = session.get_one(VCenter, vcenter_id, with_for_update={"key_share": True})
    keep = _Keeper(session, vcenter_id)

    zones = keep.all(Zone, seen.datacenters, lambda _row, _seen: None)
    clusters = keep.all(
        Cluster,
        seen.clusters,
        lambda row, it: _set(row, zone_id=zones[it.datacenter_moref].id, standalone=it.standalone),
    )
    hosts = keep.all(
        Host,
        seen.hosts,
        lambda row, it: _set(
            row, cluster_id=clusters[it.cluster_moref].id, connected=it.connected, in_maintenance=it.in_maintenance
        ),
    )
    pools = keep.all(StoragePool, seen.datastores, lambda row, it: _fill_pool(row, it, zones, hosts))
    # A VM whose datacenter vCenter does not tell (it is being made, or torn down) is seen by the next pass.
    placed = [vm for vm in seen.virtual_machines if vm.datacenter_moref in zones]
    vms = _keep_vms(session, vcenter_id, placed, _Places(zones, clusters, hosts, pools), began)
    rows = list(session.scalars(select(Volume).where(Volume.vcenter_id == vcenter_id)))
    volumes = VolumeSync(session, vcenter_id, pools=pools, vms=vms, began=began, rows=rows).write(
        placed, seen.loose_disks, seen.searched_datastores, whole=True
    )

    vcenter.synced_at, vcenter.sync_error, vcenter.instance_uuid = began, None, seen.about.instance_uuid
    return {
        "zones": len(zones),
        "clusters": len(clusters),
        "hosts": len(hosts),
        "pools": len(pools),
        "virtual_machines": len(vms),
        "volumes": volumes,
    }


def _set(row: object, **columns: object) -> None:
    for name, value in columns.items():
        setattr(row, name, value)


class _Keeper:
    """Matches things with rows by their managed object references."""

    def __init__(self, session: Session, vcenter_id: UUID) -> None:
        self._session = session
        self._vcenter_id = vcenter_id

    def all(self, model: type[RowT], seen: Iterable[SeenT], fill: Callable[[RowT, SeenT], None]) -> dict[str, RowT]:
        """Return the rows of everything seen, by reference; make new ones, mark those that are no longer seen."""
        known = {
            row.moref: row
            for row in self._session.scalars(select(model).where(model.vcenter_id == self._vcenter_id))  # type: ignore[arg-type]
        }
        present: dict[str, RowT] = {}
        for it in seen:
            row = known.get(it.moref)
            if row is None:
                row = model(id=uuid4(), vcenter_id=self._vcenter_id, moref=it.moref)  # type: ignore[call-arg]
                self._session.add(row)
            row.name, row.removed_at = it.name, None
            fill(row, it)
            present[it.moref] = row
        for moref, row in known.items():
            if moref not in present and row.removed_at is None:
                row.removed_at = func.now()  # type: ignore[assignment]  # the database's time
        return present


def _fill_pool(row: StoragePool, it: facts.Datastore, zones: Mapping[str, Zone], hosts: Mapping[str, Host]) -> None:
    row.zone_id, row.type, row.url = zones[it.datacenter_moref].id, it.type, it.url
    row.capacity_bytes, row.free_bytes = it.capacity_bytes, it.free_bytes
    row.uncommitted_bytes = it.uncommitted_bytes
    row.accessible, row.maintenance_mode = it.accessible, it.maintenance_mode
    if it.tags is not None:
        row.vsphere_tags = sorted(it.tags)
    mounts = {hosts[mount.host_moref].id: mount for mount in it.mounts if mount.host_moref in hosts}
    row.scope = _scope([hosts[mount.host_moref] for mount in it.mounts if mount.host_moref in hosts], hosts)
    known = {mount.host_id: mount for mount in row.mounts}
    for host_id, mount in mounts.items():
        kept = known.get(host_id)
        if kept is None:
            kept = Mount(host_id=host_id)
            row.mounts.append(kept)
        kept.mounted, kept.accessible, kept.writable = mount.mounted, mount.accessible, mount.writable
    for host_id, kept in known.items():
        if host_id not in mounts:
            row.mounts.remove(kept)


def _scope(mounting: list[Host], hosts: Mapping[str, Host]) -> str:
    """Return CloudStack's scope: `HOST` for one host's own storage, `CLUSTER` for one cluster's, else `ZONE`."""
    clusters = {host.cluster_id for host in mounting}
    if len(clusters) != 1:
        return "ZONE"
    in_cluster = sum(host.cluster_id in clusters for host in hosts.values())
    return "HOST" if len(mounting) == 1 and in_cluster > 1 else "CLUSTER"


@dataclass(frozen=True)
class _Places:
    """The rows that VMs refer to, by managed object reference."""

    zones: Mapping[str, Zone]
    clusters: Mapping[str, Cluster]
    hosts: Mapping[str, Host]
    pools: Mapping[str, StoragePool]


def _keep_vms(
    session: Session, vcenter_id: UUID, seen: list[facts.VirtualMachine], places: _Places, began: datetime
) -> dict[str, VirtualMachine]:
    """Match VMs by reference, those registered anew by instance uuid; write what is newer than the rows."""
    rows = list(session.scalars(select(VirtualMachine).where(VirtualMachine.vcenter_id == vcenter_id)))
    by_moref = {row.moref: row for row in sorted(rows, key=lambda row: row.removed_at is None)}
    seen_morefs = {vm.moref for vm in seen}
    by_uuid: dict[str | None, VirtualMachine] = {
        row.instance_uuid: row for row in rows if row.instance_uuid and row.moref not in seen_morefs
    }
    present: dict[str, VirtualMachine] = {}
    for vm in seen:
        row = by_moref.get(vm.moref) or by_uuid.pop(vm.instance_uuid, None)
        if row is None:
            row = VirtualMachine(id=uuid4(), vcenter_id=vcenter_id, observed_at=began)
            session.add(row)
        present[vm.moref] = row
        row.moref, row.removed_at = vm.moref, None
        if row.observed_at <= began:
            _fill_vm(row, vm, places)
            row.observed_at = began
    kept = {row.id for row in present.values()}
    for row in rows:
        if row.id not in kept and row.removed_at is None:
            row.removed_at = func.now()
    return present


def _fill_vm(row: VirtualMachine, vm: facts.VirtualMachine, places: _Places) -> None:
    cluster, host = places.clusters.get(vm.cluster_moref or ""), places.hosts.get(vm.host_moref or "")
    home = places.pools.get(vm.home_datastore_moref or "")
    row.name, row.instance_uuid, row.power_state = vm.name, vm.instance_uuid, vm.power_state
    row.zone_id = places.zones[vm.datacenter_moref or ""].id
    row.cluster_id = cluster.id if cluster else None
    row.host_id = host.id if host else None
    row.home_pool_id = home.id if home else None
    row.path, row.is_template, row.guest_id = vm.vm_path_name or "", vm.is_template, vm.guest_id or ""
    row.cpu_count, row.memory_mib = vm.cpu_count or 0, (vm.memory_bytes or 0) // 2**20
