"""The tables of the inventory. Every row keeps its id for as long as the thing exists in vCenter, whatever moves.

A thing that vCenter no longer shows is not deleted but marked (`removed_at`): jobs refer to it, and it may come back.
CloudStack's names stand where the API shows them (zone, pool, volume), vSphere's where vCenter does (`moref`).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import Text

from app.db import Base, Json
from app.inventory.traits import TraitsColumn, VmTraits, VolumeTraits
from app.visibility import keep_to_zones, visible

_PRESENT = text("removed_at IS NULL")


VMWARE, KVM = "VMware", "KVM"
"""CloudStack's names of hypervisor types: vSphere, and QEMU."""


class VCenter(Base):
    """A system that vrelocate works with: a vCenter, or KVM hosts with file pools that every worker has mounted."""

    __tablename__ = "vcenter"
    __table_args__ = (
        CheckConstraint("NOT (insecure AND thumbprint IS NOT NULL)", name="pinned_or_insecure"),
        CheckConstraint(f"(hypervisor = '{VMWARE}') = (file_pools IS NULL)", name="file_pools_where_no_vcenter"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]
    username: Mapped[str]
    password_sealed: Mapped[bytes]
    thumbprint: Mapped[str | None]
    """SHA-256 of the certificate that is accepted, hex; `None`: verified by the system's authorities."""
    insecure: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    native_motion: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    """It may be asked to move VMs and disks itself. Where it must not (its licence, or its user's privileges), they go
    through secondary storage."""
    hypervisor: Mapped[str] = mapped_column(default=VMWARE, server_default=text(f"'{VMWARE}'"))
    file_pools: Mapped[Json | None]
    """Of KVM: the pools' names, each with the folder where every worker has it mounted."""
    instance_uuid: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    synced_at: Mapped[datetime | None]
    next_sync_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sync_error: Mapped[str | None]
    workers_listed_at: Mapped[datetime | None]
    """When its worker VMs were last asked for."""
    workers_of_jobs: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """The ids of the jobs that had one then."""


class _Discovered:
    """What every thing found in a vCenter has."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    vcenter_id: Mapped[UUID] = mapped_column(ForeignKey("vcenter.id", ondelete="CASCADE"))
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    removed_at: Mapped[datetime | None]


class Zone(_Discovered, Base):
    """A vSphere datacenter, or all of some KVM hosts."""

    __tablename__ = "zone"
    __table_args__ = (UniqueConstraint("vcenter_id", "moref"),)

    moref: Mapped[str]

    vcenter: Mapped[VCenter] = relationship(lazy="joined")

    @property
    def hypervisor(self) -> str:
        """The hypervisor type of its hosts."""
        return self.vcenter.hypervisor


class Cluster(_Discovered, Base):
    """A compute cluster, or the compute resource of a standalone host."""

    __tablename__ = "cluster"
    __table_args__ = (UniqueConstraint("vcenter_id", "moref"),)

    moref: Mapped[str]
    zone_id: Mapped[UUID] = mapped_column(ForeignKey("zone.id", ondelete="CASCADE"))
    standalone: Mapped[bool]


class Host(_Discovered, Base):
    """An ESXi host."""

    __tablename__ = "host"
    __table_args__ = (UniqueConstraint("vcenter_id", "moref"),)

    moref: Mapped[str]
    cluster_id: Mapped[UUID] = mapped_column(ForeignKey("cluster.id", ondelete="CASCADE"))
    connected: Mapped[bool]
    in_maintenance: Mapped[bool]


SHARED_MOUNT_POINT = "SharedMountPoint"
"""The `type` of a pool that is a folder which every host and every worker has mounted; CloudStack's name."""
DATASTORE_CLUSTER = "DatastoreCluster"
"""The `type` of a pool that is a vSphere datastore cluster (StoragePod); CloudStack's name (StoragePoolType)."""


class StoragePool(_Discovered, Base):
    """A datastore, or a datastore cluster: then `type` says so, and its figures are sums of its members'.

    Nothing lies on a datastore cluster itself: volumes are on its members, whose `parent_id` it is, and a migration to
    it is one to a member. It has no mounts of its own.
    """

    __tablename__ = "storage_pool"
    __table_args__ = (
        UniqueConstraint("vcenter_id", "moref"),
        CheckConstraint("scope IN ('HOST', 'CLUSTER', 'ZONE')", name="known_scope"),
        Index("ix_storage_pool_parent", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
    )

    moref: Mapped[str]
    zone_id: Mapped[UUID] = mapped_column(ForeignKey("zone.id", ondelete="CASCADE"))
    scope: Mapped[str]
    """`HOST`, `CLUSTER` or `ZONE`: how many mount it."""
    type: Mapped[str]
    """`VMFS`, `NFS`, `NFS41`, `vsan`, `VVOL`, …, or `DatastoreCluster`."""
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("storage_pool.id", ondelete="SET NULL"))
    """The datastore cluster that it is a member of."""
    multiple_host_access: Mapped[bool | None]
    """More than one host of the vCenter is set up with it (DatastoreSummary); `None`: not told."""
    url: Mapped[str]
    """A datastore's url in vSphere; of a datastore cluster its path, `/datacenter/name`, as CloudStack has it."""
    capacity_bytes: Mapped[int] = mapped_column(BigInteger)
    free_bytes: Mapped[int] = mapped_column(BigInteger)
    uncommitted_bytes: Mapped[int] = mapped_column(BigInteger)
    accessible: Mapped[bool]
    maintenance_mode: Mapped[str]
    """`normal`, `enteringMaintenance`, `inMaintenance`."""
    vsphere_tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """Storage tags that vSphere shows; renewed by every sync."""
    own_tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """Storage tags given through our API; a sync leaves them alone."""

    @property
    def hypervisor(self) -> str:
        """The hypervisor type that its hosts are of."""
        return KVM if self.type == SHARED_MOUNT_POINT else VMWARE

    @property
    def is_cluster(self) -> bool:
        """Say whether it is a datastore cluster."""
        return self.type == DATASTORE_CLUSTER

    mounts: Mapped[list[Mount]] = relationship(cascade="all, delete-orphan", lazy="selectin")

    @property
    def tags(self) -> frozenset[str]:
        """All of its storage tags."""
        return frozenset(self.vsphere_tags) | frozenset(self.own_tags)

    @property
    def writable_cluster_ids(self) -> frozenset[UUID]:
        """The clusters with a connected host that mounts it read-write."""
        return frozenset(mount.host.cluster_id for mount in self.mounts if mount.usable)


class Mount(Base):
    """A host's view of a storage pool."""

    __tablename__ = "storage_pool_mount"

    pool_id: Mapped[UUID] = mapped_column(ForeignKey("storage_pool.id", ondelete="CASCADE"), primary_key=True)
    host_id: Mapped[UUID] = mapped_column(ForeignKey("host.id", ondelete="CASCADE"), primary_key=True)
    mounted: Mapped[bool]
    accessible: Mapped[bool]
    writable: Mapped[bool]

    host: Mapped[Host] = relationship(lazy="joined")

    @property
    def usable(self) -> bool:
        """Say whether this host can write to the pool now."""
        return self.mounted and self.accessible and self.writable and self.host.connected


class DiskOffering(Base):
    """A service class of volumes; every one of its tags must be on the pool that holds the volume."""

    __tablename__ = "disk_offering"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(unique=True)
    display_text: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class VirtualMachine(_Discovered, Base):
    """A virtual machine."""

    __tablename__ = "virtual_machine"
    __table_args__ = (
        Index("uq_virtual_machine_moref", "vcenter_id", "moref", unique=True, postgresql_where=_PRESENT),
        Index("ix_virtual_machine_instance_uuid", "vcenter_id", "instance_uuid"),
    )

    moref: Mapped[str]
    instance_uuid: Mapped[str | None]
    zone_id: Mapped[UUID] = mapped_column(ForeignKey("zone.id", ondelete="CASCADE"))
    cluster_id: Mapped[UUID | None] = mapped_column(ForeignKey("cluster.id", ondelete="SET NULL"))
    host_id: Mapped[UUID | None] = mapped_column(ForeignKey("host.id", ondelete="SET NULL"))
    home_pool_id: Mapped[UUID | None] = mapped_column(ForeignKey("storage_pool.id", ondelete="SET NULL"))
    power_state: Mapped[str]
    """`poweredOn`, `poweredOff`, `suspended`."""
    path: Mapped[str]
    """Of its configuration file: `[ds] dir/name.vmx`."""
    is_template: Mapped[bool]
    guest_id: Mapped[str] = mapped_column(server_default="")
    cpu_count: Mapped[int] = mapped_column(server_default="0")
    memory_mib: Mapped[int] = mapped_column(server_default="0")
    traits: Mapped[VmTraits] = mapped_column(
        TraitsColumn(VmTraits), default=VmTraits(), server_default=text("'{}'::jsonb")
    )
    observed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When vCenter was asked for what this row says; a sync that began to read before then leaves it alone."""

    volumes: Mapped[list[Volume]] = relationship(
        primaryjoin="and_(Volume.vm_id == VirtualMachine.id, Volume.removed_at.is_(None))",
        order_by="Volume.device_key",
        viewonly=True,
        lazy="selectin",
    )


class Volume(_Discovered, Base):
    """A virtual disk: attached to a VM, or to nothing."""

    __tablename__ = "volume"
    __table_args__ = (
        CheckConstraint("(vm_id IS NULL) = (device_key IS NULL)", name="attached_has_device"),
        CheckConstraint("(moving_to IS NULL) = (moved_by IS NULL)", name="moving_has_job"),
        Index("ix_volume_moved_by", "moved_by", postgresql_where=text("moved_by IS NOT NULL")),
        Index(
            "uq_volume_path",
            "pool_id",
            "path",
            unique=True,
            # Two VMs may share a disk (multi-writer); a disk that belongs to nothing is one row.
            postgresql_where=text("removed_at IS NULL AND vm_id IS NULL"),
        ),
        Index("uq_volume_device", "vm_id", "device_key", unique=True, postgresql_where=_PRESENT),
        Index("ix_volume_pool", "pool_id", postgresql_where=_PRESENT),
        Index("ix_volume_disk_uuid", "vcenter_id", "disk_uuid"),
        Index("ix_volume_fcd", "vcenter_id", "fcd_id", postgresql_where=text("fcd_id IS NOT NULL")),
        CheckConstraint("format IN ('thin', 'thick', 'eager')", name="known_format"),
    )

    zone_id: Mapped[UUID] = mapped_column(ForeignKey("zone.id", ondelete="CASCADE"))
    pool_id: Mapped[UUID] = mapped_column(ForeignKey("storage_pool.id", ondelete="CASCADE"))
    vm_id: Mapped[UUID | None] = mapped_column(ForeignKey("virtual_machine.id", ondelete="CASCADE"))
    device_key: Mapped[int | None]
    """Key of the VM's virtual disk device; with the VM it names an attached disk."""
    unit_number: Mapped[int | None]
    disk_uuid: Mapped[str | None]
    """`ddb.uuid` of the descriptor: the same wherever the disk lies."""
    path: Mapped[str]
    """`[ds] dir/name.vmdk`, of the newest link of its chain."""
    capacity_bytes: Mapped[int] = mapped_column(BigInteger)
    """0 where vCenter does not say."""
    physical_bytes: Mapped[int | None] = mapped_column(BigInteger)
    thin: Mapped[bool | None]
    """What `format` says, less exactly."""
    format: Mapped[str | None]
    """`thin`, `thick` (zeroed when it is first written) or `eager` (zeroed when it was made); `None`: not known."""
    fcd_id: Mapped[str | None]
    """The id of the First Class Disk that it is (VStorageObject): the same wherever it lies, attached or not."""
    traits: Mapped[VolumeTraits] = mapped_column(
        TraitsColumn(VolumeTraits), default=VolumeTraits(), server_default=text("'{}'::jsonb")
    )
    moving_to: Mapped[str | None]
    """Where a migration that is under way takes it (a datastore path); until that is over a sync leaves it alone."""
    moved_by: Mapped[UUID | None]
    """The job of that migration."""
    observed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When vCenter was asked for what this row says; a sync that began to read before then leaves it alone."""
    disk_offering_id: Mapped[UUID | None] = mapped_column(ForeignKey("disk_offering.id", ondelete="RESTRICT"))

    pool: Mapped[StoragePool] = relationship(lazy="joined")
    disk_offering: Mapped[DiskOffering | None] = relationship(lazy="joined")


keep_to_zones(VCenter, lambda table: table.id.in_(select(Zone.vcenter_id).where(visible(Zone.id))))
keep_to_zones(Zone, lambda table: visible(table.id))
keep_to_zones(Cluster, lambda table: visible(table.zone_id))
keep_to_zones(Host, lambda table: table.cluster_id.in_(select(Cluster.id).where(visible(Cluster.zone_id))))
keep_to_zones(StoragePool, lambda table: visible(table.zone_id))
keep_to_zones(VirtualMachine, lambda table: visible(table.zone_id))
keep_to_zones(Volume, lambda table: visible(table.zone_id))
