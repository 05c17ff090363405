"""What the API asks of the inventory: lists with filters and pages, and single things by id.

A list takes a filter and a page and returns views with the number of all that match; each view carries what stands
around its thing (zone, cluster, VM), so that a page costs a fixed number of statements however long it is.
Things that vCenter no longer shows are left out of lists unless the filter asks for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, literal, or_, select, tuple_, union
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, joinedload, lazyload

from app.errors import NotFound
from app.inventory.devices import ROOT_DEVICE_ID, device_id_column
from app.inventory.models import Cluster, DiskOffering, Host, Mount, StoragePool, VirtualMachine, Volume, Zone

Thing = Zone | Cluster | Host | StoragePool | DiskOffering | VirtualMachine | Volume
"""What an id may name."""
_Thing = TypeVar("_Thing", bound=Thing)
_Condition = ColumnElement[bool]

_WORDS: dict[type, str] = {
    Zone: "zone",
    Cluster: "cluster",
    Host: "host",
    StoragePool: "storage pool",
    DiskOffering: "disk offering",
    VirtualMachine: "virtual machine",
    Volume: "volume",
}


@dataclass(frozen=True)
class Page:
    """A part of a list: `limit` things (`None`: all) from `offset`, counted from 0."""

    limit: int | None = None
    offset: int = 0
    past: UUID | None = None
    """Only what comes after this thing in the list."""
    counted: bool = True
    """Whether the number of all things is wanted too; without it, it is told to be 0."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What every list can be narrowed by; `None` narrows nothing."""

    ids: Collection[UUID] | None = None
    name: str | None = None
    keyword: str | None = None
    """A part of the name, in any case."""
    zone_id: UUID | None = None
    cluster_id: UUID | None = None
    removed: bool = False
    """Also what vCenter no longer shows."""


@dataclass(frozen=True, kw_only=True)
class HostFilter(Filter):
    """Narrows hosts."""

    connected: bool | None = None


@dataclass(frozen=True, kw_only=True)
class PoolFilter(Filter):
    """Narrows storage pools."""

    scope: str | None = None
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class VirtualMachineFilter(Filter):
    """Narrows virtual machines."""

    name_part: str | None = None
    host_id: UUID | None = None
    pool_id: UUID | None = None
    """Those with a disk, or their configuration, on that pool."""
    power_states: Collection[str] | None = None


@dataclass(frozen=True, kw_only=True)
class VolumeFilter(Filter):
    """Narrows volumes."""

    host_id: UUID | None = None
    pool_id: UUID | None = None
    vm_id: UUID | None = None
    offering_id: UUID | None = None
    root: bool | None = None
    """Only first disks of VMs, or none of them."""


@dataclass(frozen=True)
class ClusterView:
    """A cluster and its zone."""

    cluster: Cluster
    zone: Zone


@dataclass(frozen=True)
class HostView:
    """A host, its cluster and its zone."""

    host: Host
    cluster: Cluster
    zone: Zone


@dataclass(frozen=True)
class PoolView:
    """A storage pool, its zone, and the clusters whose hosts mount it (of a datastore cluster: its members)."""

    pool: StoragePool
    zone: Zone
    clusters: tuple[Cluster, ...]


@dataclass(frozen=True)
class VirtualMachineView:
    """A virtual machine and where it is."""

    vm: VirtualMachine
    zone: Zone
    cluster: Cluster | None
    host: Host | None
    home: StoragePool | None


@dataclass(frozen=True)
class VolumeView:
    """A volume and what stands around it."""

    volume: Volume
    zone: Zone
    vm: VirtualMachine | None
    cluster: Cluster | None
    """That of its VM; of a detached volume, the cluster that its pool belongs to alone."""
    device_id: int | None
    """Position among the VM's disks, from 0; `None`: detached."""


def get(session: Session, model: type[_Thing], thing_id: UUID) -> _Thing:
    """Return a thing that is there; raises `NotFound` for an unknown id and for what vCenter no longer shows."""
    thing = session.get(model, thing_id)
    if thing is None or getattr(thing, "removed_at", None) is not None:
        raise NotFound(f"Unable to find the {_WORDS[model]} by id={thing_id}")
    return thing


def known_ids(session: Session, model: type[Thing], ids: Collection[UUID]) -> set[UUID]:
    """Return those of `ids` that ever were a `model`, removed ones too."""
    return set(session.scalars(select(model.id).where(model.id.in_(set(ids)))))


def list_zones(session: Session, wanted: Filter, page: Page) -> tuple[list[Zone], int]:
    """Return zones by name."""
    rows, count = _page(session, select(Zone).where(*_common(Zone, wanted)), Zone, page)
    return [row[0] for row in rows], count


def list_clusters(session: Session, wanted: Filter, page: Page) -> tuple[list[ClusterView], int]:
    """Return clusters by name."""
    conditions = [*_common(Cluster, wanted), *_equal((Cluster.zone_id, wanted.zone_id))]
    query = select(Cluster, Zone).join(Zone, Zone.id == Cluster.zone_id).where(*conditions)
    rows, count = _page(session, query, Cluster, page)
    return [ClusterView(*row) for row in rows], count


def list_hosts(session: Session, wanted: HostFilter, page: Page) -> tuple[list[HostView], int]:
    """Return hosts by name."""
    conditions = [
        *_common(Host, wanted),
        *_equal((Cluster.zone_id, wanted.zone_id), (Host.cluster_id, wanted.cluster_id)),
        *_equal((Host.connected, wanted.connected)),
    ]
    query = (
        select(Host, Cluster, Zone)
        .join(Cluster, Cluster.id == Host.cluster_id)
        .join(Zone, Zone.id == Cluster.zone_id)
        .where(*conditions)
    )
    rows, count = _page(session, query, Host, page)
    return [HostView(*row) for row in rows], count


def list_pools(session: Session, wanted: PoolFilter, page: Page) -> tuple[list[PoolView], int]:
    """Return storage pools by name."""
    conditions = [
        *_common(StoragePool, wanted),
        *_equal(
            (StoragePool.zone_id, wanted.zone_id), (StoragePool.scope, wanted.scope), (StoragePool.url, wanted.url)
        ),
    ]
    if wanted.cluster_id:
        conditions.append(_mounted_in(StoragePool.id, wanted.cluster_id))
    query = select(StoragePool, Zone).join(Zone, Zone.id == StoragePool.zone_id).where(*conditions)
    rows, count = _page(session, query.options(lazyload(StoragePool.mounts)), StoragePool, page)
    clusters = _clusters_of_pools(session, {row[0].id for row in rows})
    return [PoolView(pool, zone, clusters[pool.id]) for pool, zone in rows], count


def members_of(session: Session, pool_id: UUID) -> list[StoragePool]:
    """Return the datastores of a datastore cluster that are present, by name; none of any other pool."""
    present = select(StoragePool).where(StoragePool.parent_id == pool_id, StoragePool.removed_at.is_(None))
    return list(session.scalars(present.order_by(StoragePool.name)))


def list_storage_tags(session: Session, keyword: str | None, page: Page) -> tuple[list[str], int]:
    """Return every storage tag that a present pool has, vSphere's and those set here, each once, in order."""
    every = func.unnest(func.array_cat(StoragePool.vsphere_tags, StoragePool.own_tags)).label("tag")
    tags = select(every).where(StoragePool.removed_at.is_(None)).distinct().subquery()
    query = select(tags.c.tag)
    if keyword is not None:
        query = query.where(tags.c.tag.icontains(keyword, autoescape=True))
    count = session.scalars(select(func.count()).select_from(query.subquery())).one()
    return list(session.scalars(query.order_by(tags.c.tag).limit(page.limit).offset(page.offset))), count


def list_offerings(session: Session, wanted: Filter, page: Page) -> tuple[list[DiskOffering], int]:
    """Return disk offerings by name."""
    rows, count = _page(session, select(DiskOffering).where(*_common(DiskOffering, wanted)), DiskOffering, page)
    return [row[0] for row in rows], count


def pools_with_volumes_of(session: Session, offering_id: UUID) -> list[StoragePool]:
    """Return the pools that hold a volume of a disk offering, by name."""
    holding = select(Volume.pool_id).where(Volume.disk_offering_id == offering_id, Volume.removed_at.is_(None))
    found = select(StoragePool).where(StoragePool.id.in_(holding)).order_by(StoragePool.name)
    return list(session.scalars(found.options(lazyload(StoragePool.mounts))))


def list_vms(session: Session, wanted: VirtualMachineFilter, page: Page) -> tuple[list[VirtualMachineView], int]:
    """Return virtual machines by name."""
    vm = VirtualMachine
    conditions = [
        *_common(vm, wanted),
        *_equal((vm.zone_id, wanted.zone_id), (vm.cluster_id, wanted.cluster_id), (vm.host_id, wanted.host_id)),
    ]
    if wanted.name_part is not None:
        conditions.append(vm.name.icontains(wanted.name_part, autoescape=True))
    if wanted.power_states is not None:
        conditions.append(vm.power_state.in_(wanted.power_states))
    if wanted.pool_id:
        on_pool = _on_pool(Volume.pool_id, wanted.pool_id)
        has_disk = exists().where(Volume.vm_id == vm.id, on_pool, Volume.removed_at.is_(None))
        conditions.append(or_(_on_pool(vm.home_pool_id, wanted.pool_id), has_disk))
    query = (
        select(vm, Zone, Cluster, Host, StoragePool)
        .join(Zone, Zone.id == vm.zone_id)
        .outerjoin(Cluster, Cluster.id == vm.cluster_id)
        .outerjoin(Host, Host.id == vm.host_id)
        .outerjoin(StoragePool, StoragePool.id == vm.home_pool_id)
        .where(*conditions)
        .options(lazyload(vm.volumes), lazyload(StoragePool.mounts))
    )
    rows, count = _page(session, query, vm, page)
    return [VirtualMachineView(*row) for row in rows], count


def list_volumes(session: Session, wanted: VolumeFilter, page: Page) -> tuple[list[VolumeView], int]:
    """Return volumes by name."""
    vm = VirtualMachine
    device_id = device_id_column()
    conditions = [
        *_common(Volume, wanted),
        *_equal((Volume.zone_id, wanted.zone_id), (Volume.vm_id, wanted.vm_id), (vm.host_id, wanted.host_id)),
        *_equal((Volume.disk_offering_id, wanted.offering_id)),
    ]
    if wanted.pool_id:
        conditions.append(_on_pool(Volume.pool_id, wanted.pool_id))
    if wanted.cluster_id:
        in_cluster = and_(Volume.vm_id.is_(None), _mounted_in(Volume.pool_id, wanted.cluster_id))
        conditions.append(or_(vm.cluster_id == wanted.cluster_id, in_cluster))
    if wanted.root is not None:
        first = and_(Volume.vm_id.is_not(None), device_id == ROOT_DEVICE_ID)
        conditions.append(first if wanted.root else ~first)
    query = (
        select(Volume, Zone, vm, Cluster, device_id)
        .join(Zone, Zone.id == Volume.zone_id)
        .outerjoin(vm, vm.id == Volume.vm_id)
        .outerjoin(Cluster, Cluster.id == vm.cluster_id)
        .where(*conditions)
        .options(lazyload(vm.volumes), joinedload(Volume.pool).lazyload(StoragePool.mounts))
    )
    rows, count = _page(session, query, Volume, page)
    of_pools = _clusters_of_pools(session, {row[0].pool_id for row in rows if row[2] is None})
    return [_volume_view(row, of_pools) for row in rows], count


def _volume_view(row: Row[*tuple[Any, ...]], of_pools: dict[UUID, tuple[Cluster, ...]]) -> VolumeView:
    volume, zone, vm, cluster, device_id = row
    if vm is not None:
        return VolumeView(volume, zone, vm, cluster, device_id)
    mounting = of_pools[volume.pool_id]
    return VolumeView(volume, zone, None, mounting[0] if len(mounting) == 1 else None, None)


def _on_pool(pool_id: InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None], wanted: UUID) -> _Condition:
    """Say whether something lies on a pool, or on a member of it if it is a datastore cluster."""
    member = aliased(StoragePool)
    return pool_id.in_(select(member.id).where(or_(member.id == wanted, member.parent_id == wanted)))


def _mounted_in(pool_id: InstrumentedAttribute[UUID], cluster_id: UUID) -> _Condition:
    """Say whether a host of the cluster mounts the pool, or a member of it if it is a datastore cluster."""
    member = aliased(StoragePool)
    return exists().where(
        or_(Mount.pool_id == pool_id, exists().where(member.id == Mount.pool_id, member.parent_id == pool_id)),
        Mount.host_id == Host.id,
        Host.cluster_id == cluster_id,
    )


def _clusters_of_pools(session: Session, pool_ids: Collection[UUID]) -> dict[UUID, tuple[Cluster, ...]]:
    """Return the clusters whose hosts mount each pool or its members, by name; none for what nobody mounts."""
    found: defaultdict[UUID, tuple[Cluster, ...]] = defaultdict(tuple)
    if pool_ids:
        member = aliased(StoragePool)
        mounted = select(Mount.pool_id.label("pool_id"), Mount.host_id).where(Mount.pool_id.in_(pool_ids))
        by_members = (
            select(member.parent_id.label("pool_id"), Mount.host_id)
            .join(Mount, Mount.pool_id == member.id)
            .where(member.parent_id.in_(pool_ids), member.removed_at.is_(None))
        )
        either = union(mounted, by_members).subquery()
        rows = session.execute(
            select(either.c.pool_id, Cluster)
            .join(Host, Host.id == either.c.host_id)
            .join(Cluster, Cluster.id == Host.cluster_id)
            .where(Host.removed_at.is_(None))
            .distinct()
            .order_by(Cluster.name, Cluster.id)
        )
        for pool_id, cluster in rows:
            found[pool_id] = (*found[pool_id], cluster)
    return found


def _common(model: type[Thing], wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if not wanted.removed and not issubclass(model, DiskOffering):
        conditions.append(model.removed_at.is_(None))
    if wanted.ids is not None:
        conditions.append(model.id.in_(wanted.ids))
    if wanted.name is not None:
        conditions.append(model.name == wanted.name)
    if wanted.keyword is not None:
        conditions.append(model.name.icontains(wanted.keyword, autoescape=True))
    return conditions


def _equal(*pairs: tuple[Any, object]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in pairs if value is not None]


def _page(
    session: Session, query: Select[*tuple[Any, ...]], model: type[Thing], page: Page
) -> tuple[Sequence[Row[*tuple[Any, ...]]], int]:
    """Return the rows of one page, ordered by name, and the number of all rows; raises `NotFound` for a gone `past`."""
    if page.past is not None:
        anchor = session.execute(select(model.name, model.id).where(model.id == page.past)).one_or_none()
        if anchor is None:
            raise NotFound(f"the {_WORDS[model]} {page.past}, where the list was to go on, is gone: begin anew")
        query = query.where(tuple_(model.name, model.id) > tuple_(literal(anchor.name), literal(anchor.id)))
    if not page.counted:
        return session.execute(query.order_by(model.name, model.id).limit(page.limit)).all(), 0
    count = session.scalars(query.with_only_columns(func.count(), maintain_column_froms=True)).one()
    if count <= page.offset or page.limit == 0:
        return [], count
    rows = session.execute(query.order_by(model.name, model.id).limit(page.limit).offset(page.offset))
    return rows.all(), count
