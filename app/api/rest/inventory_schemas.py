"""The inventory as resources: what their JSON holds."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.api.rest.migration_schemas import ObjectionOut
from app.inventory.devices import ROOT_DEVICE_ID
from app.inventory.models import DiskOffering, StoragePool, Zone
from app.inventory.queries import ClusterView, HostView, PoolView, VirtualMachineView, VolumeView
from app.migration.suitability import Suitability


class Named(BaseModel):
    """Another thing, by id and name."""

    id: UUID
    name: str

    @classmethod
    def of(cls, thing: object) -> Self | None:
        """Return the link to a thing of the inventory; `None` to none."""
        return None if thing is None else cls.model_validate(thing, from_attributes=True)

    @classmethod
    def to(cls, thing: object) -> Self:
        """Return the link to a thing that is there."""
        return cls.model_validate(thing, from_attributes=True)


class ZoneOut(BaseModel):
    """A vSphere datacenter, or all of some KVM hosts."""

    id: UUID
    name: str
    hypervisor: str = Field(description="`VMware` or `KVM`")
    vcenter: Named

    @classmethod
    def of(cls, zone: Zone) -> Self:
        """Return a zone as clients see it."""
        return cls(id=zone.id, name=zone.name, hypervisor=zone.hypervisor, vcenter=Named.to(zone.vcenter))


class ClusterOut(BaseModel):
    """A compute cluster, or a host outside of any."""

    id: UUID
    name: str
    zone: Named
    standalone: bool = Field(description="A host outside of any cluster")

    @classmethod
    def of(cls, view: ClusterView) -> Self:
        """Return a cluster as clients see it."""
        cluster = view.cluster
        return cls(id=cluster.id, name=cluster.name, zone=Named.to(view.zone), standalone=cluster.standalone)


class HostOut(BaseModel):
    """A host."""

    id: UUID
    name: str
    zone: Named
    cluster: Named
    connected: bool
    in_maintenance: bool

    @classmethod
    def of(cls, view: HostView) -> Self:
        """Return a host as clients see it."""
        host = view.host
        return cls(
            id=host.id,
            name=host.name,
            zone=Named.to(view.zone),
            cluster=Named.to(view.cluster),
            connected=host.connected,
            in_maintenance=host.in_maintenance,
        )


class PoolOut(BaseModel):
    """A datastore, or a datastore cluster."""

    id: UUID
    name: str
    zone: Named
    clusters: list[Named] = Field(description="Those with a host that mounts it")
    type: str = Field(description="`VMFS`, `NFS`, `vsan`, …, or `DatastoreCluster`")
    scope: str = Field(description="`HOST`, `CLUSTER` or `ZONE`: how many mount it")
    parent_id: UUID | None = Field(description="The datastore cluster that it is a member of")
    url: str = Field(description="vSphere's own; of a datastore cluster its path")
    capacity_bytes: int
    free_bytes: int
    uncommitted_bytes: int = Field(description="What thin disks on it may still grow by")
    accessible: bool
    maintenance_mode: str = Field(description="`normal`, `enteringMaintenance` or `inMaintenance`")
    vsphere_tags: list[str] = Field(description="Storage tags that vSphere shows")
    own_tags: list[str] = Field(description="Storage tags that were set here")

    @classmethod
    def of(cls, view: PoolView) -> Self:
        """Return a pool as clients see it."""
        pool: StoragePool = view.pool
        return cls(
            id=pool.id,
            name=pool.name,
            zone=Named.to(view.zone),
            clusters=[Named.to(cluster) for cluster in view.clusters],
            type=pool.type,
            scope=pool.scope,
            parent_id=pool.parent_id,
            url=pool.url,
            capacity_bytes=pool.capacity_bytes,
            free_bytes=pool.free_bytes,
            uncommitted_bytes=pool.uncommitted_bytes,
            accessible=pool.accessible,
            maintenance_mode=pool.maintenance_mode,
            vsphere_tags=list(pool.vsphere_tags),
            own_tags=list(pool.own_tags),
        )


class TargetOut(BaseModel):
    """A pool that a volume could go to, or could not."""

    pool: Named
    suitable: bool
    objections: list[ObjectionOut] = Field(description="Everything that speaks against it, warnings too")

    @classmethod
    def of(cls, judged: Suitability) -> Self:
        """Return a judged pool as clients see it."""
        objections = [ObjectionOut.of(objection) for objection in judged.objections]
        return cls(pool=Named.to(judged.pool), suitable=judged.suitable, objections=objections)


class VirtualMachineOut(BaseModel):
    """A virtual machine."""

    id: UUID
    name: str
    zone: Named
    cluster: Named | None
    host: Named | None
    pool: Named | None = Field(description="The pool of its configuration")
    path: str = Field(description="Its configuration: `[datastore] folder/name.vmx`")
    power_state: str = Field(description="`poweredOff`, `poweredOn` or `suspended`")
    is_template: bool
    cpu_count: int
    memory_mib: int

    @classmethod
    def of(cls, view: VirtualMachineView) -> Self:
        """Return a VM as clients see it."""
        vm = view.vm
        return cls(
            id=vm.id,
            name=vm.name,
            zone=Named.to(view.zone),
            cluster=Named.of(view.cluster),
            host=Named.of(view.host),
            pool=Named.of(view.home),
            path=vm.path,
            power_state=vm.power_state,
            is_template=vm.is_template,
            cpu_count=vm.cpu_count,
            memory_mib=vm.memory_mib,
        )


class VolumeOut(BaseModel):
    """A virtual disk."""

    id: UUID
    name: str
    zone: Named
    pool: Named
    cluster: Named | None = Field(description="That of its VM; of a detached one, the one that its pool is of alone")
    virtual_machine: Named | None = Field(description="null: detached")
    device_id: int | None = Field(description="Position among its VM's disks, from 0")
    root: bool = Field(description="Whether it is the first disk of a VM")
    path: str = Field(description="`[datastore] folder/name.vmdk`")
    capacity_bytes: int
    physical_bytes: int | None = Field(description="What it takes up; null: not known")
    format: str | None = Field(description="`thin`, `thick` or `eager`; null: not known")
    offering: Named | None
    moving: bool = Field(description="Whether a job is at work on it")

    @classmethod
    def of(cls, view: VolumeView) -> Self:
        """Return a volume as clients see it."""
        volume = view.volume
        return cls(
            id=volume.id,
            name=volume.name,
            zone=Named.to(view.zone),
            pool=Named.to(volume.pool),
            cluster=Named.of(view.cluster),
            virtual_machine=Named.of(view.vm),
            device_id=view.device_id,
            root=view.device_id == ROOT_DEVICE_ID,
            path=volume.path,
            capacity_bytes=volume.capacity_bytes,
            physical_bytes=volume.physical_bytes,
            format=volume.format,
            offering=Named.of(volume.disk_offering),
            moving=volume.moved_by is not None,
        )


class OfferingOut(BaseModel):
    """A service class of volumes."""

    id: UUID
    name: str
    display_text: str
    tags: list[str] = Field(description="A pool must have all of them to hold a volume of this class")
    created_at: datetime

    @classmethod
    def of(cls, offering: DiskOffering) -> Self:
        """Return an offering as clients see it."""
        return cls(
            id=offering.id,
            name=offering.name,
            display_text=offering.display_text,
            tags=list(offering.tags),
            created_at=offering.created_at,
        )
