"""Datacenters, clusters, hosts and datastores, out of the properties that were read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.vsphere.answers import Node, Objects
from app.vsphere.collector import again, property_spec, traversal
from app.vsphere.facts import Cluster, Datacenter, Datastore, Host, Mount, StoragePod
from app.vsphere.pyvmomi import VimObject, vim

DATASTORE = "Datastore"
_STANDALONE = "ComputeResource"
_CLUSTER_KINDS = (_STANDALONE, "ClusterComputeResource")


def place_specs() -> list[VimObject]:
    """Read what says where things are: names and parents up to the datacenter."""
    return [
        property_spec(vim.Folder, ["parent"]),
        _pod_spec(),
        property_spec(vim.Datacenter, ["name", "parent"]),
        property_spec(vim.ComputeResource, ["name", "parent"]),
        property_spec(vim.HostSystem, ["name", "parent", "runtime.connectionState", "runtime.inMaintenanceMode"]),
    ]


def _pod_spec() -> VimObject:
    """Read a datastore cluster, which is a folder to what is in it."""
    return property_spec(
        vim.StoragePod,
        [
            "name",
            "parent",
            "childEntity",
            "summary.capacity",
            "summary.freeSpace",
            "podStorageDrsEntry.storageDrsConfig.podConfig.enabled",
            "podStorageDrsEntry.storageDrsConfig.podConfig.defaultVmBehavior",
        ],
    )


def place_kinds() -> list[VimObject]:
    """Return the types that `place_specs` covers."""
    return [vim.Folder, vim.Datacenter, vim.ComputeResource, vim.HostSystem]


def datastore_spec() -> VimObject:
    """Read what `datastores` needs."""
    return property_spec(vim.Datastore, ["parent", "summary", "host"])


def ancestors(name: str, *, aside: VimObject | None = None) -> VimObject:
    """Return the traversal from any entity to its parents, up to the root, and `aside` from each of them."""
    return traversal(
        vim.ManagedEntity, "parent", name=name, then=[again(name)] if aside is None else [again(name), aside]
    )


def datacenter_of(objects: Objects, moref: str | None) -> str | None:
    """Climb from an entity to its datacenter; None when an ancestor was not read, or there is none."""
    while moref is not None:
        found = objects.get(moref)
        if found is None:
            return None
        if found.kind == "Datacenter":
            return moref
        moref = found.properties.get("parent")
    return None


def plain_name(name: str) -> str:
    """Undo vSphere's escapes in entity names: a slash, a backslash or a percent sign comes as %2f, %5c or %25."""
    return re.sub(r"%(2f|5c|25)", lambda escape: chr(int(escape[1], 16)), name, flags=re.IGNORECASE)


def datacenters(objects: Objects) -> tuple[Datacenter, ...]:
    """Return the datacenters among `objects`."""
    return tuple(
        Datacenter(moref=moref, name=plain_name(found.properties["name"]))
        for moref, found in objects.items()
        if found.kind == "Datacenter" and "name" in found.properties
    )


def clusters(objects: Objects) -> tuple[Cluster, ...]:
    """Return the clusters, and the compute resources of hosts that are in none."""
    return tuple(
        Cluster(
            moref=moref,
            name=plain_name(found.properties["name"]),
            datacenter_moref=datacenter,
            standalone=found.kind == _STANDALONE,
        )
        for moref, found in objects.items()
        if found.kind in _CLUSTER_KINDS
        and "name" in found.properties
        and (datacenter := datacenter_of(objects, moref)) is not None
    )


def hosts(objects: Objects) -> tuple[Host, ...]:
    """Return the ESXi hosts."""
    return tuple(
        Host(
            moref=moref,
            name=plain_name(found.properties["name"]),
            cluster_moref=cluster,
            connected=found.properties.get("runtime.connectionState") == "connected",
            in_maintenance=bool(found.properties.get("runtime.inMaintenanceMode")),
        )
        for moref, found in objects.items()
        if found.kind == "HostSystem"
        and "name" in found.properties
        and (cluster := found.properties.get("parent")) is not None
    )


def datastores(objects: Objects) -> tuple[Datastore, ...]:
    """Return the datastores; their `tags` are not known here."""
    return tuple(
        _datastore(moref, datacenter, found.properties["summary"], found.properties.get("host") or [])
        for moref, found in objects.items()
        if found.kind == DATASTORE
        and "summary" in found.properties
        and (datacenter := datacenter_of(objects, moref)) is not None
    )


def storage_pods(objects: Objects) -> tuple[StoragePod, ...]:
    """Return the datastore clusters."""
    return tuple(
        _storage_pod(moref, datacenter, found.properties)
        for moref, found in objects.items()
        if found.kind == "StoragePod"
        and "name" in found.properties
        and (datacenter := datacenter_of(objects, moref)) is not None
    )


def _storage_pod(moref: str, datacenter: str, told: Mapping[str, Any]) -> StoragePod:
    config = "podStorageDrsEntry.storageDrsConfig.podConfig"
    return StoragePod(
        moref=moref,
        name=plain_name(told["name"]),
        datacenter_moref=datacenter,
        members=frozenset(told.get("childEntity") or []),
        capacity_bytes=told.get("summary.capacity") or 0,
        free_bytes=told.get("summary.freeSpace") or 0,
        automated=bool(told.get(f"{config}.enabled")) and told.get(f"{config}.defaultVmBehavior") == "automated",
    )


def _datastore(moref: str, datacenter: str, summary: Node, mounts: list[Node]) -> Datastore:
    return Datastore(
        moref=moref,
        name=summary.text("name") or "",  # not the property `name`, which is escaped: paths hold this one
        datacenter_moref=datacenter,
        type=summary.text("type") or "",
        url=summary.text("url") or "",
        capacity_bytes=summary.number("capacity") or 0,
        free_bytes=summary.number("freeSpace") or 0,
        uncommitted_bytes=summary.number("uncommitted") or 0,
        accessible=bool(summary.flag("accessible")),
        maintenance_mode=summary.text("maintenanceMode") or "normal",
        mounts=tuple(_mount(mount) for mount in mounts),
        multiple_host_access=summary.flag("multipleHostAccess"),
    )


def _mount(mount: Node) -> Mount:
    info = mount.child("mountInfo")
    return Mount(
        host_moref=mount.text("key") or "",
        # Both are optional, and unset by hosts that know nothing of trouble.
        mounted=info is not None and info.flag("mounted") is not False,
        accessible=info is not None and info.flag("accessible") is not False,
        writable=info is not None and info.text("accessMode") == "readWrite",
    )
