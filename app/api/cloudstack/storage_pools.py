"""Storage pools: `listStoragePools`, `findStoragePoolsForMigration`, `updateStoragePool`."""

from __future__ import annotations

from dataclasses import dataclass

from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.paging import KEYWORD, PAGING, listing, page_of, part_of
from app.api.cloudstack.parameters import Kind, Parameter
from app.api.cloudstack.pods import Pod, zone_wanted
from app.api.cloudstack.shapes import Field, Shape
from app.db import transaction
from app.inventory.models import KVM, Cluster, StoragePool, Volume, Zone
from app.inventory.pool_tags import set_tags
from app.inventory.queries import Page, PoolFilter, PoolView, get, list_pools
from app.migration.checks import objection_to_json
from app.migration.suitability import Suitability, pools_for_volume


@dataclass(frozen=True)
class ShownPool:
    """A pool, and when it is looked at as a target: what speaks against it."""

    view: PoolView
    judged: Suitability | None = None
    """`None`: not looked at as a target."""

    @property
    def cluster(self) -> Cluster | None:
        """Return the cluster that the pool belongs to alone."""
        return self.view.clusters[0] if len(self.view.clusters) == 1 else None

    @property
    def pod(self) -> Pod | None:
        """Return the pod that it belongs to; CloudStack's zone-wide pools belong to none."""
        return None if self.view.pool.scope == "ZONE" else Pod(self.view.zone)


def _pool_field(name: str, kind: str, description: str, attribute: str) -> Field[ShownPool]:
    return Field(name, kind, description, lambda shown: getattr(shown.view.pool, attribute))


def _address(shown: ShownPool) -> str:
    """Return what CloudStack has in place of a server's address (`CloudStackPrimaryDataStoreLifeCycleImpl`).

    Of a VMFS datastore that is a text; of others it has their server, which vSphere's summary does not tell: the same.
    ngine_io.cloudstack reads the key of every pool.
    """
    pool = shown.view.pool
    return "localhost" if pool.hypervisor == KVM else f"{pool.type} datastore: /{shown.view.zone.name}/{pool.name}"


STORAGE_POOL = Shape[ShownPool](
    "storagepool",
    (
        _pool_field("id", "string", "the ID of the storage pool", "id"),
        _pool_field("name", "string", "the name of the storage pool", "name"),
        Field("zoneid", "string", "the Zone ID of the storage pool", lambda shown: shown.view.zone.id),
        Field("zonename", "string", "the Zone name of the storage pool", lambda shown: shown.view.zone.name),
        Field("podid", "string", "the Pod ID of the storage pool", lambda shown: shown.pod and shown.pod.id),
        Field("podname", "string", "the Pod name of the storage pool", lambda shown: shown.pod and shown.pod.name),
        Field(
            "clusterid", "string", "the cluster it belongs to alone", lambda shown: shown.cluster and shown.cluster.id
        ),
        Field("clustername", "string", "the name of that cluster", lambda shown: shown.cluster and shown.cluster.name),
        _pool_field(
            "path", "string", "the storage pool path: vSphere's URL of the datastore; /zone/name of a cluster", "url"
        ),
        Field("ipaddress", "string", "the place of the storage pool, as CloudStack names it", _address),
        _pool_field("type", "string", "the storage pool type: VMFS, NFS, …, DatastoreCluster", "type"),
        _pool_field("parent", "string", "the ID of the datastore cluster it is a member of", "parent_id"),
        Field("state", "string", "the state of the storage pool", lambda shown: _state(shown.view.pool)),
        _pool_field("scope", "string", "the scope of the storage pool: HOST, CLUSTER or ZONE", "scope"),
        _pool_field("hypervisor", "string", "the hypervisor type of the storage pool", "hypervisor"),
        Field(
            "tags",
            "string",
            "the storage tags, separated by commas: vSphere's, and those set here",
            lambda shown: ",".join(sorted(shown.view.pool.tags)),
        ),
        _pool_field("disksizetotal", "long", "the total size, bytes", "capacity_bytes"),
        Field(
            "disksizeused",
            "long",
            "the bytes that are taken up",
            lambda shown: shown.view.pool.capacity_bytes - shown.view.pool.free_bytes,
        ),
        Field(
            "disksizeallocated",
            "long",
            "the bytes that would be taken up if every thin disk grew to its size",
            lambda shown: (
                shown.view.pool.capacity_bytes - shown.view.pool.free_bytes + shown.view.pool.uncommitted_bytes
            ),
        ),
        Field("overprovisionfactor", "string", "the overprovisionfactor for the storage pool", lambda _: "1.0"),
        Field("provider", "string", "Storage provider for this pool", lambda _: "DefaultPrimary"),
        _pool_field("created", "date", "the date and time it was first seen", "created_at"),
        Field(
            "suitableformigration",
            "boolean",
            "true if this pool is suitable to migrate a volume",
            lambda shown: shown.judged and shown.judged.suitable,
        ),
        Field(
            "unsuitablebecause",
            "list",
            "every reason why it is not suitable",
            lambda shown: (shown.judged and shown.judged.reasons) or None,
        ),
        Field(
            "objections",
            "list",
            "the same with warnings: rule, severity (refuses or warns), found, todo",
            lambda shown: [objection_to_json(it) for it in shown.judged.objections] or None if shown.judged else None,
        ),
    ),
)


@command(
    "listStoragePools",
    "Lists storage pools.",
    response=STORAGE_POOL,
    parameters=(
        Parameter("id", Kind.UUID, "the ID of the storage pool", entity=StoragePool),
        Parameter("name", Kind.STRING, "the name of the storage pool"),
        Parameter("path", Kind.STRING, "the storage pool path"),
        Parameter("zoneid", Kind.UUID, "the Zone ID for the storage pool", entity=Zone),
        Parameter("podid", Kind.UUID, "list storage pools that hosts of the pod may mount", entity=Pod),
        Parameter("clusterid", Kind.UUID, "list storage pools that a host of the cluster mounts", entity=Cluster),
        Parameter("scope", Kind.STRING, "the scope of the storage pool: HOST, CLUSTER or ZONE"),
        KEYWORD,
        *PAGING,
    ),
)
def list_storage_pools_command(call: Call) -> Content:
    """Answer `listStoragePools`."""
    asked = call.arguments
    pool, scope = asked.uuid("id"), asked.text("scope")
    page = page_of(asked)
    with transaction() as session:
        wanted = PoolFilter(
            ids=(pool,) if pool else None,
            name=asked.text("name"),
            keyword=asked.text("keyword"),
            zone_id=zone_wanted(session, asked.uuid("zoneid"), asked.uuid("podid")),
            cluster_id=asked.uuid("clusterid"),
            scope=scope.upper() if scope else None,
            url=asked.text("path"),
        )
        views, count = list_pools(session, wanted, page)
    return listing(STORAGE_POOL.name, [STORAGE_POOL.render(ShownPool(view)) for view in views], count)


@command(
    "findStoragePoolsForMigration",
    "Lists storage pools available for migration of a volume.",
    response=STORAGE_POOL,
    parameters=(
        Parameter("id", Kind.UUID, "the ID of the volume", required=True, entity=Volume),
        KEYWORD,
        *PAGING,
    ),
)
def find_storage_pools_command(call: Call) -> Content:
    """Answer `findStoragePoolsForMigration`: suitable pools first, then by name."""
    asked = call.arguments
    page, keyword = page_of(asked), (asked.text("keyword") or "").lower()
    with transaction() as session:
        judged = {found.pool.id: found for found in pools_for_volume(session, asked.required_uuid("id"))}
        views, _ = list_pools(session, PoolFilter(ids=judged.keys()), Page())
    shown = [ShownPool(view, judged[view.pool.id]) for view in views if keyword in view.pool.name.lower()]
    shown.sort(key=lambda pool: not judged[pool.view.pool.id].suitable)
    return listing(STORAGE_POOL.name, [STORAGE_POOL.render(pool) for pool in part_of(shown, page)], len(shown))


@command(
    "updateStoragePool",
    "Updates a storage pool.",
    response=STORAGE_POOL,
    parameters=(
        Parameter("id", Kind.UUID, "the Id of the storage pool", required=True, entity=StoragePool),
        Parameter("tags", Kind.LIST, "comma-separated list of tags that replaces those set here; empty: none"),
    ),
)
def update_storage_pool_command(call: Call) -> Content:
    """Answer `updateStoragePool`: vSphere's tags stay; those set on a datastore cluster are its members'."""
    asked = call.arguments
    tags = asked.texts("tags")
    with transaction() as session:
        pool = get(session, StoragePool, asked.required_uuid("id"))
        if tags is not None:
            set_tags(session, pool, tags)
        views, _ = list_pools(session, PoolFilter(ids=(pool.id,)), Page())
    return {STORAGE_POOL.name: STORAGE_POOL.render(ShownPool(views[0]))}


def _state(pool: StoragePool) -> str:
    """Return CloudStack's `StoragePoolStatus`."""
    if pool.maintenance_mode == "inMaintenance":
        return "Maintenance"
    if pool.maintenance_mode == "enteringMaintenance":
        return "PrepareForMaintenance"
    return "Up" if pool.accessible else "Disabled"


COMMANDS = (list_storage_pools_command, find_storage_pools_command, update_storage_pool_command)
