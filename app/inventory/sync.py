"""The inventory is read from a vCenter in one pass and written in one transaction.

Ids survive: a thing is recognised by its managed object reference, a VM that was registered anew by its instance uuid
(`machines.py`), a disk by what it is and where it is (`volumes.py`). What vCenter no longer shows is marked, not
deleted. Rows that somebody observed after this pass began to read are left alone. Worker VMs are no VMs: they belong to
a job, which removes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from app.db import take_longer, transaction
from app.errors import VrelocateError
from app.inventory import file_pools
from app.inventory.machines import Places, keep_vms
from app.inventory.models import DATASTORE_CLUSTER, Cluster, Host, StoragePool, VCenter, Volume, Zone
from app.inventory.pools import PoolPlaces, fill_cluster, fill_datastore
from app.inventory.vcenters import session_to
from app.inventory.volumes import Looked, VolumeSync
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
        seen = _read(vcenter_id)
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


def _read(vcenter_id: UUID) -> facts.Inventory:
    """Read all of it: what a vCenter shows, or what lies in file pools."""
    with transaction() as session:
        pools = session.scalars(select(VCenter.file_pools).where(VCenter.id == vcenter_id)).one_or_none()
    if pools is not None:
        return file_pools.read_inventory(pools)
    # pyVmomi is heavy: it is loaded by whoever really talks to a vCenter.
    from app.vsphere.inventory import read_inventory  # noqa: PLC0415

    return read_inventory(session_to(vcenter_id), settings().tag_category)


def _write(session: Session, vcenter_id: UUID, seen: facts.Inventory, began: datetime) -> dict[str, int]:
    """Write one pass; two passes over the same vCenter take turns on its row."""
    # A big inventory takes seconds to write, and whoever waits for this row waits that long. Between two statements
    # thousands of rows are matched: 13 s of silence were measured, with 5,000 VMs on a machine that was busy elsewhere.
    take_longer(session, lock_wait_seconds=120, silence_seconds=60, transaction_seconds=600)
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
    pods, pools = _keep_pools(session, keep, seen, PoolPlaces(zones, hosts))
    # A VM whose datacenter vCenter does not tell (it is being made, or torn down) is seen by the next pass.
    placed = [vm for vm in seen.virtual_machines if vm.worker_of_job is None and vm.datacenter_moref in zones]
    vms = keep_vms(session, vcenter_id, placed, Places(zones, clusters, hosts, pools), began)
    rows = list(session.scalars(select(Volume).where(Volume.vcenter_id == vcenter_id)))
    volumes = VolumeSync(session, vcenter_id, pools=pools, vms=vms, began=began, rows=rows).write(
        Looked(
            vms=placed,
            loose=seen.loose_disks,
            unclear=seen.unclear_disks,
            workers=[vm for vm in seen.virtual_machines if vm.worker_of_job is not None],
            searched=seen.searched_datastores,
            searched_for_fcds=seen.fcd_datastores,
            whole=True,
        )
    )

    vcenter.synced_at, vcenter.sync_error, vcenter.instance_uuid = began, None, seen.about.instance_uuid
    return {
        "zones": len(zones),
        "clusters": len(clusters),
        "hosts": len(hosts),
        "pools": len(pools) + len(pods),
        "virtual_machines": len(vms),
        "volumes": volumes,
    }


def _keep_pools(
    session: Session, keep: _Keeper, seen: facts.Inventory, places: PoolPlaces
) -> tuple[dict[str, StoragePool], dict[str, StoragePool]]:
    """Write the datastore clusters and the datastores; return the rows of both, by reference."""
    pods = keep.all(
        StoragePool,
        seen.storage_pods,
        lambda row, it: fill_cluster(row, it, seen.datastores, places),
        among=StoragePool.type == DATASTORE_CLUSTER,
    )
    session.flush()  # members refer to them
    cluster_of = {member: pods[pod.moref] for pod in seen.storage_pods for member in pod.members}
    pools = keep.all(
        StoragePool,
        seen.datastores,
        lambda row, it: fill_datastore(row, it, places, cluster_of.get(it.moref)),
        among=StoragePool.type != DATASTORE_CLUSTER,
    )
    return pods, pools


def _set(row: object, **columns: object) -> None:
    for name, value in columns.items():
        setattr(row, name, value)


class _Keeper:
    """Matches things with rows by their managed object references."""

    def __init__(self, session: Session, vcenter_id: UUID) -> None:
        self._session = session
        self._vcenter_id = vcenter_id

    def all(
        self,
        model: type[RowT],
        seen: Iterable[SeenT],
        fill: Callable[[RowT, SeenT], None],
        *,
        among: ColumnElement[bool] | None = None,
    ) -> dict[str, RowT]:
        """Return the rows of everything seen, by reference; make new ones, mark those that are no longer seen.

        `among` says which of the rows are meant; without it all are.
        """
        of_vcenter = select(model).where(model.vcenter_id == self._vcenter_id)  # type: ignore[arg-type]
        wanted = of_vcenter if among is None else of_vcenter.where(among)
        known = {row.moref: row for row in self._session.scalars(wanted)}
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
