"""The inventory under `/api/v1`: zones, clusters, hosts, pools, virtual machines, volumes, offerings; all for looking.

It is what the last sync of each vCenter has seen, and what jobs have seen since.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.api.rest.inventory_schemas import (
    ClusterOut,
    HostOut,
    OfferingOut,
    PoolOut,
    TargetOut,
    VirtualMachineOut,
    VolumeOut,
    ZoneOut,
)
from app.api.rest.lists import ListOf, Narrowed, page_of
from app.api.rest.responses import UNCHANGED, problems
from app.api.rest.serving import Route, who_may
from app.db import transaction
from app.errors import NotFound
from app.inventory import queries
from app.inventory.queries import Filter, HostFilter, Page, PoolFilter, VirtualMachineFilter, VolumeFilter
from app.migration.suitability import pools_for_volume

router = APIRouter(tags=["inventory"], route_class=Route)

Out = TypeVar("Out", bound=BaseModel)
_Id = Annotated[UUID, Path(description="Its id")]
_ZoneId = Annotated[UUID | None, Query(description="Only those of this zone")]
_ClusterId = Annotated[UUID | None, Query(description="Only those of this cluster")]
_HostId = Annotated[UUID | None, Query(description="Only those on this host")]
_PoolId = Annotated[UUID | None, Query(description="Only those on this pool, or on a member of this datastore cluster")]

_LIST = problems(404, 422)
_ONE = {**UNCHANGED, **problems(404, 422)}


def _may(command: str) -> list[Any]:
    """Return the dependency on a caller who may do this; who exactly calls makes no difference to what is shown."""
    return [Depends(who_may(command))]


@router.get("/zones", summary="List zones", responses=_LIST, dependencies=_may("listZones"))
def list_zones(asked: Narrowed) -> ListOf[ZoneOut]:
    """Return zones by name: vSphere's datacenters."""
    wanted = Filter(**asked.named)
    return page_of(asked, lambda session, page: queries.list_zones(session, wanted, page), ZoneOut.of)


@router.get("/zones/{zone_id}", summary="One zone", responses=_ONE, dependencies=_may("listZones"))
def get_zone(zone_id: _Id) -> ZoneOut:
    """Return a zone."""
    return _one("zone", queries.list_zones, Filter(ids=(zone_id,)), ZoneOut.of)


@router.get("/clusters", summary="List clusters", responses=_LIST, dependencies=_may("listClusters"))
def list_clusters(asked: Narrowed, zone_id: _ZoneId = None) -> ListOf[ClusterOut]:
    """Return clusters by name."""
    wanted = Filter(**asked.named, zone_id=zone_id)
    return page_of(asked, lambda session, page: queries.list_clusters(session, wanted, page), ClusterOut.of)


@router.get("/clusters/{cluster_id}", summary="One cluster", responses=_ONE, dependencies=_may("listClusters"))
def get_cluster(cluster_id: _Id) -> ClusterOut:
    """Return a cluster."""
    return _one("cluster", queries.list_clusters, Filter(ids=(cluster_id,)), ClusterOut.of)


@router.get("/hosts", summary="List hosts", responses=_LIST, dependencies=_may("listHosts"))
def list_hosts(asked: Narrowed, zone_id: _ZoneId = None, cluster_id: _ClusterId = None) -> ListOf[HostOut]:
    """Return hosts by name."""
    wanted = HostFilter(**asked.named, zone_id=zone_id, cluster_id=cluster_id)
    return page_of(asked, lambda session, page: queries.list_hosts(session, wanted, page), HostOut.of)


@router.get("/hosts/{host_id}", summary="One host", responses=_ONE, dependencies=_may("listHosts"))
def get_host(host_id: _Id) -> HostOut:
    """Return a host."""
    return _one("host", queries.list_hosts, HostFilter(ids=(host_id,)), HostOut.of)


@router.get("/pools", summary="List storage pools", responses=_LIST, dependencies=_may("listStoragePools"))
def list_pools(
    asked: Narrowed,
    *,
    zone_id: _ZoneId = None,
    cluster_id: Annotated[UUID | None, Query(description="Only those that a host of this cluster mounts")] = None,
    scope: Annotated[Literal["HOST", "CLUSTER", "ZONE"] | None, Query(description="Only those of this scope")] = None,
) -> ListOf[PoolOut]:
    """Return storage pools by name: datastores, and datastore clusters beside their members."""
    wanted = PoolFilter(**asked.named, zone_id=zone_id, cluster_id=cluster_id, scope=scope)
    return page_of(asked, lambda session, page: queries.list_pools(session, wanted, page), PoolOut.of)


@router.get("/pools/{pool_id}", summary="One storage pool", responses=_ONE, dependencies=_may("listStoragePools"))
def get_pool(pool_id: _Id) -> PoolOut:
    """Return a storage pool."""
    return _one("storage pool", queries.list_pools, PoolFilter(ids=(pool_id,)), PoolOut.of)


@router.get(
    "/virtual-machines", summary="List virtual machines", responses=_LIST, dependencies=_may("listVirtualMachines")
)
def list_virtual_machines(
    asked: Narrowed,
    *,
    zone_id: _ZoneId = None,
    cluster_id: _ClusterId = None,
    host_id: _HostId = None,
    pool_id: _PoolId = None,
    power_state: Annotated[
        list[Literal["poweredOff", "poweredOn", "suspended"]] | None, Query(description="Only those in one of these")
    ] = None,
) -> ListOf[VirtualMachineOut]:
    """Return virtual machines by name."""
    wanted = VirtualMachineFilter(
        **asked.named,
        zone_id=zone_id,
        cluster_id=cluster_id,
        host_id=host_id,
        pool_id=pool_id,
        power_states=power_state,
    )
    return page_of(asked, lambda session, page: queries.list_vms(session, wanted, page), VirtualMachineOut.of)


@router.get(
    "/virtual-machines/{virtual_machine_id}",
    summary="One virtual machine",
    responses=_ONE,
    dependencies=_may("listVirtualMachines"),
)
def get_virtual_machine(virtual_machine_id: _Id) -> VirtualMachineOut:
    """Return a virtual machine."""
    wanted = VirtualMachineFilter(ids=(virtual_machine_id,))
    return _one("virtual machine", queries.list_vms, wanted, VirtualMachineOut.of)


@router.get("/volumes", summary="List volumes", responses=_LIST, dependencies=_may("listVolumes"))
def list_volumes(
    asked: Narrowed,
    *,
    zone_id: _ZoneId = None,
    cluster_id: _ClusterId = None,
    host_id: _HostId = None,
    pool_id: _PoolId = None,
    virtual_machine_id: Annotated[UUID | None, Query(description="Only those of this VM")] = None,
    offering_id: Annotated[UUID | None, Query(description="Only those of this class")] = None,
    root: Annotated[
        Literal["true", "false"] | None, Query(description="Only first disks of VMs, or none of them")
    ] = None,
) -> ListOf[VolumeOut]:
    """Return volumes by name."""
    wanted = VolumeFilter(
        **asked.named,
        zone_id=zone_id,
        cluster_id=cluster_id,
        host_id=host_id,
        pool_id=pool_id,
        vm_id=virtual_machine_id,
        offering_id=offering_id,
        root=None if root is None else root == "true",
    )
    return page_of(asked, lambda session, page: queries.list_volumes(session, wanted, page), VolumeOut.of)


@router.get("/volumes/{volume_id}", summary="One volume", responses=_ONE, dependencies=_may("listVolumes"))
def get_volume(volume_id: _Id) -> VolumeOut:
    """Return a volume."""
    return _one("volume", queries.list_volumes, VolumeFilter(ids=(volume_id,)), VolumeOut.of)


@router.get(
    "/volumes/{volume_id}/targets",
    summary="Where a volume could go",
    responses=problems(404, 422),
    dependencies=_may("findStoragePoolsForMigration"),
)
def list_targets(volume_id: _Id) -> list[TargetOut]:
    """Return every other pool of its vCenter, suitable ones first, with everything that speaks against each.

    It is judged on what the last sync has seen; a dry run asks vCenter.
    """
    with transaction() as session:
        return [TargetOut.of(judged) for judged in pools_for_volume(session, volume_id)]


@router.get("/offerings", summary="List disk offerings", responses=_LIST, dependencies=_may("listDiskOfferings"))
def list_offerings(asked: Narrowed) -> ListOf[OfferingOut]:
    """Return disk offerings by name: service classes of volumes."""
    wanted = Filter(**asked.named)
    return page_of(asked, lambda session, page: queries.list_offerings(session, wanted, page), OfferingOut.of)


@router.get(
    "/offerings/{offering_id}", summary="One disk offering", responses=_ONE, dependencies=_may("listDiskOfferings")
)
def get_offering(offering_id: _Id) -> OfferingOut:
    """Return a disk offering."""
    return _one("disk offering", queries.list_offerings, Filter(ids=(offering_id,)), OfferingOut.of)


def _one(
    word: str,
    find: Callable[[Session, Any, Page], tuple[list[Any], int]],
    wanted: Filter,
    shown: Callable[[Any], Out],
) -> Out:
    with transaction() as session:
        found, _ = find(session, wanted, Page(limit=1, counted=False))
        if not found:
            (wanted_id,) = wanted.ids or ("?",)
            raise NotFound(f"there is no {word} {wanted_id}: vCenter does not show it, or has never shown it")
        return shown(found[0])
