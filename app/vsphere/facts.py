"""What vrelocate knows of a vCenter: plain, frozen values, made from the vSphere API's objects.

Field names follow the vSphere Web Services API; the object and property that each value comes from is named where it
is not obvious. Sizes are bytes, times are timezone-aware UTC. `moref` is a managed object's reference value
(`vm-42`): unique in its vCenter, stable until the object is unregistered. A path is a datastore path,
`[name] a/b.vmdk`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class About:
    """ServiceContent.about: which vCenter this is."""

    name: str
    version: str
    api_version: str
    instance_uuid: str


@dataclass(frozen=True, slots=True)
class Datacenter:
    """A vSphere datacenter, a zone to CloudStack."""

    moref: str
    name: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """A ClusterComputeResource, or the ComputeResource that a host outside of any cluster has to itself."""

    moref: str
    name: str
    datacenter_moref: str
    standalone: bool


@dataclass(frozen=True, slots=True)
class Host:
    """An ESXi host; `cluster_moref` is its ComputeResource, standalone or not."""

    moref: str
    name: str
    cluster_moref: str
    connected: bool
    in_maintenance: bool


@dataclass(frozen=True, slots=True)
class Mount:
    """How one host sees a datastore (DatastoreHostMount.mountInfo)."""

    host_moref: str
    mounted: bool
    accessible: bool
    writable: bool


@dataclass(frozen=True, slots=True)
class Datastore:
    """A datastore; `free_bytes` is vCenter's last measurement, `uncommitted_bytes` what thin disks may still claim."""

    moref: str
    name: str
    datacenter_moref: str
    type: str
    """VMFS, NFS, NFS41, vsan, VVOL, …"""
    url: str
    """The same for one datastore that is seen through two datacenters."""
    capacity_bytes: int
    free_bytes: int
    uncommitted_bytes: int
    accessible: bool
    maintenance_mode: str
    """normal, enteringMaintenance or inMaintenance."""
    mounts: tuple[Mount, ...]
    tags: frozenset[str] | None = None
    """Names of its vSphere tags of the configured category; None when they were not read."""
    multiple_host_access: bool | None = None
    """More than one host of the vCenter is set up with it; None where vCenter does not tell."""


@dataclass(frozen=True, slots=True)
class StoragePod:
    """A datastore cluster (StoragePod): datastores that Storage DRS may balance."""

    moref: str
    name: str
    datacenter_moref: str
    members: frozenset[str]
    """Its datastores, by reference."""
    capacity_bytes: int
    free_bytes: int
    automated: bool
    """Storage DRS is on and moves disks by itself; off, or by hand, it moves nothing."""


class DiskFormat(StrEnum):
    """How a flat virtual disk takes its space."""

    THIN = "thin"
    """As it is written to."""
    THICK = "thick"
    """All at once; zeroed where it is first written to (lazily)."""
    EAGER = "eager"
    """All at once, and zeroed at once."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A VirtualDisk of a VM, and the file behind it."""

    key: int
    """VirtualDevice.key: names the disk in a relocation; changes when the disk is attached anew."""
    label: str
    unit_number: int | None
    controller_key: int | None
    uuid: str | None
    """The disk's own uuid (backing.uuid): survives moves, and stays with the file when it is detached."""
    path: str
    """`[ds] dir/x.vmdk`; with snapshots the running point, whose ancestors are `chain`."""
    datastore_moref: str | None
    capacity_bytes: int
    thin: bool | None
    """None where the backing does not say (raw devices, SeSparse)."""
    backing_kind: str
    """The backing's vSphere type without its wrapping: FlatVer2, SeSparse, RawDiskMappingVer1, …"""
    physical_bytes: int | None = None
    """What all files of its chain take (layoutEx), as vCenter measured it last; None where it does not tell."""
    chain: tuple[str, ...] = ()
    """Paths of the parents, nearest first; empty for a disk without snapshots or linked clones."""
    mode: str = "persistent"
    multi_writer: bool = False
    shared_bus: bool = False
    """Its SCSI controller shares the bus with other VMs."""
    encrypted: bool = False
    format: DiskFormat | None = None
    """None where the backing does not say: no flat disk, or one of which it is only known that it is not thin.

    Of a chain it is the format of the disk that all of it stands on: a delta has none of its own."""
    controller: str | None = None
    """`scsi`, `sata`, `ide` or `nvme`; None where the controller is not among the VM's devices."""
    bus_number: int | None = None
    """Of the controller: with `unit_number` the disk's place, `scsi0:1`."""
    fcd_id: str | None = None
    """The id of the First Class Disk that it is (VirtualDisk.vDiskId)."""


WORKER_NAME = "vrelocate-worker-"
"""What the names and the folders of worker VMs begin with."""


@dataclass(frozen=True, slots=True)
class VirtualMachine:
    """A virtual machine, templates included. What an inaccessible VM does not tell is None or empty."""

    moref: str
    name: str
    instance_uuid: str | None
    uuid: str | None
    power_state: str
    """poweredOff, poweredOn or suspended."""
    connection_state: str
    """connected, disconnected, orphaned, inaccessible or invalid."""
    host_moref: str | None
    cluster_moref: str | None
    datacenter_moref: str | None
    vm_path_name: str | None
    """The .vmx file: `[ds] dir/x.vmx`."""
    home_datastore_moref: str | None
    is_template: bool
    guest_id: str | None
    cpu_count: int | None
    memory_bytes: int | None
    has_snapshots: bool
    disks: tuple[Disk, ...]
    file_paths: frozenset[str]
    """All of its files, as `layoutEx` lists them."""
    iso_paths: tuple[str, ...] = ()
    """ISO images that its CD drives are backed by, `[ds] x.iso`."""
    floppy_paths: tuple[str, ...] = ()
    """Floppy images on datastores that its floppy drives are backed by, `[ds] x.flp`."""
    linked_to: tuple[str, ...] = ()
    """Files that its disks hang on and that lie in another VM's folder: then it is a linked clone."""
    other_bytes: int | None = None
    """What its files that belong to no disk take: configuration, logs, snapshots' memory; None where not told."""
    change_tracking: bool = False
    encrypted: bool = False
    """The VM's home is encrypted (config.keyId)."""
    config_known: bool = True
    """False when vCenter has no configuration of it (its host or storage is away): `disks` is empty, not true."""
    consolidation_needed: bool = False
    """Redundant delta disks are left over from a snapshot (runtime.consolidationNeeded)."""
    worker_of_job: str | None = None
    """The job that this is a worker VM of (app/vsphere/worker_vm.py); None for every VM that is somebody's."""


@dataclass(frozen=True, slots=True)
class LooseDisk:
    """A VMDK on a datastore that belongs to no registered VM, or a First Class Disk that no VM has attached."""

    path: str
    datastore_moref: str
    datacenter_moref: str
    capacity_bytes: int | None
    """The size the guest sees; None where the datastore browser does not say."""
    physical_bytes: int | None
    """What it takes on the datastore; None where the datastore browser does not say."""
    thin: bool | None
    uuid: str | None
    modified_at: datetime | None
    format: DiskFormat | None = None
    """None where `thin` is not true: the datastore browser does not tell lazily zeroed from eagerly zeroed."""
    fcd_id: str | None = None
    """The id of the First Class Disk that it is; None of any other file."""
    opened_by: str | None = None
    """Who has it open, where that can be told (a QEMU on a file pool)."""
    stands_on: str | None = None
    """The file that it is an overlay of, as it names it; None for one that is whole in itself."""


@dataclass(frozen=True, slots=True)
class FirstClassDisk:
    """A First Class Disk: a virtual disk with a life of its own (VStorageObject)."""

    id: str
    """VStorageObject.config.id: the same wherever the disk is moved within its vCenter."""
    name: str
    path: str
    """`[ds] fcd/x.vmdk`; vCenter chooses the name anew when it is moved."""
    datastore_moref: str
    capacity_bytes: int
    format: DiskFormat | None
    consumers: tuple[str, ...] = ()
    """What has it attached, as vCenter tells: ids of VMs. Empty for a detached disk."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """All of it at one moment; each object was read once, though not all in the same instant."""

    about: About
    datacenters: tuple[Datacenter, ...]
    clusters: tuple[Cluster, ...]
    hosts: tuple[Host, ...]
    datastores: tuple[Datastore, ...]
    virtual_machines: tuple[VirtualMachine, ...]
    loose_disks: tuple[LooseDisk, ...]
    searched_datastores: frozenset[str]
    """Datastores whose files were listed. A disk that is missing on any other one is unknown, not gone."""
    unclear_disks: tuple[LooseDisk, ...] = ()
    """Of those listed, the ones that may be a VM's or not: they are there, and nothing more is known of them."""
    tags_known: bool = field(default=False)
    """False when the tag service did not answer: then every datastore's `tags` is None."""
    storage_pods: tuple[StoragePod, ...] = ()
    fcd_datastores: frozenset[str] = frozenset()
    """Datastores whose First Class Disks were listed. One that is missing on any other is unknown, not gone."""


class FaultClass(StrEnum):
    """What to do about a failure (law 8)."""

    RETRY = "retry"
    """It passes by itself: try again after a while."""
    RETRY_WHEN_CHANGED = "retry_when_changed"
    """It stays until somebody frees space, ends a maintenance, mends a datastore."""
    PERMANENT = "permanent"
    """The same request fails the same way for ever."""
    RECONCILE = "reconcile"
    """The outcome is not known from the failure: look where the disks are, then decide."""
    CANCELLED = "cancelled"
    """Somebody asked for it to stop."""


@dataclass(frozen=True, slots=True)
class FaultInfo:
    """A fault of vCenter's in plain words. `name` is its vSphere type, `FileLocked`."""

    name: str
    message: str
    classification: FaultClass


class TaskState(StrEnum):
    """TaskInfo.state, and one more."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"
    GONE = "gone"
    """vCenter has forgotten the task (about ten minutes after its end): only the inventory knows how it ended."""


@dataclass(frozen=True, slots=True)
class TaskSnapshot:
    """A vCenter task at one moment (TaskInfo)."""

    moref: str
    state: TaskState
    progress: int | None = None
    """Percent; None when the task does not tell."""
    cancelable: bool = False
    cancelled: bool = False
    """A cancellation was asked for; the task may still end in success."""
    fault: FaultInfo | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.state in {TaskState.SUCCESS, TaskState.ERROR, TaskState.GONE}
