"""Storage pools as vCenter shows them: datastores with those who mount them, and datastore clusters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.inventory.models import DATASTORE_CLUSTER, Host, Mount, StoragePool, Zone
from app.vsphere import facts

_NORMAL = "normal"


@dataclass(frozen=True)
class PoolPlaces:
    """The rows that pools refer to, by managed object reference."""

    zones: Mapping[str, Zone]
    hosts: Mapping[str, Host]


def fill_datastore(row: StoragePool, it: facts.Datastore, places: PoolPlaces, cluster: StoragePool | None) -> None:
    """Write what vCenter shows of a datastore, which is a member of `cluster` or of none."""
    row.zone_id, row.type, row.url = places.zones[it.datacenter_moref].id, it.type, it.url
    row.parent_id = cluster.id if cluster else None
    row.multiple_host_access = it.multiple_host_access
    fill_figures(row, it)
    if it.tags is not None:
        row.vsphere_tags = sorted(it.tags)
    mounts = {places.hosts[mount.host_moref].id: mount for mount in it.mounts if mount.host_moref in places.hosts}
    row.scope = _scope([it], places.hosts)
    known = {mount.host_id: mount for mount in row.mounts}
    for host_id, mount in mounts.items():
        kept = known.get(host_id)
        if kept is None:
            kept = Mount(host_id=host_id)
            row.mounts.append(kept)
        _fill_mount(kept, mount)
    for host_id, kept in known.items():
        if host_id not in mounts:
            row.mounts.remove(kept)


def fill_figures(row: StoragePool, it: facts.Datastore) -> None:
    """Write what changes from minute to minute."""
    row.capacity_bytes, row.free_bytes = it.capacity_bytes, it.free_bytes
    row.uncommitted_bytes = it.uncommitted_bytes
    row.accessible, row.maintenance_mode = it.accessible, it.maintenance_mode


def fill_mounts_now(row: StoragePool, it: facts.Datastore) -> None:
    """Write how the hosts that are known to mount a datastore see it now; new ones are for the next sync."""
    now = {mount.host_moref: mount for mount in it.mounts}
    for kept in row.mounts:
        mount = now.get(kept.host.moref)
        if mount is None:
            kept.mounted = False
        else:
            _fill_mount(kept, mount)


def fill_cluster(
    row: StoragePool, pod: facts.StoragePod, datastores: Iterable[facts.Datastore], places: PoolPlaces
) -> None:
    """Write a datastore cluster: what its members have together.

    It is accessible when one of them is, in service while one of them is, and has the tags that all of them have.
    """
    members = [it for it in datastores if it.moref in pod.members]
    zone = places.zones[pod.datacenter_moref]
    row.zone_id, row.type, row.parent_id = zone.id, DATASTORE_CLUSTER, None
    row.url = f"/{zone.name}/{pod.name}"  # the path that CloudStack gives such a pool
    row.capacity_bytes = sum(it.capacity_bytes for it in members)
    row.free_bytes = sum(it.free_bytes for it in members)
    row.uncommitted_bytes = sum(it.uncommitted_bytes for it in members)
    row.accessible = any(it.accessible for it in members)
    modes = sorted({it.maintenance_mode for it in members})
    row.maintenance_mode = _NORMAL if _NORMAL in modes or not modes else modes[0]
    row.multiple_host_access = all(it.multiple_host_access for it in members) if members else None
    row.scope = _scope(members, places.hosts)
    tags = [it.tags for it in members]
    if None not in tags:
        row.vsphere_tags = sorted(frozenset.intersection(*(it for it in tags if it is not None)) if tags else [])


def _fill_mount(kept: Mount, mount: facts.Mount) -> None:
    kept.mounted, kept.accessible, kept.writable = mount.mounted, mount.accessible, mount.writable


def _scope(datastores: Iterable[facts.Datastore], hosts: Mapping[str, Host]) -> str:
    """Return CloudStack's scope: `HOST` for one host's own storage, `CLUSTER` for one cluster's, else `ZONE`."""
    morefs = {mount.host_moref for it in datastores for mount in it.mounts}
    mounting = [hosts[moref] for moref in morefs if moref in hosts]
    clusters = {host.cluster_id for host in mounting}
    if len(clusters) != 1:
        return "ZONE"
    in_cluster = sum(host.cluster_id in clusters for host in hosts.values())
    return "HOST" if len(mounting) == 1 and in_cluster > 1 else "CLUSTER"
