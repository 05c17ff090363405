"""Worker VMs: a VM of ours that a detached disk is lent to, so that a relocation can carry it.

RelocateVM_Task keeps a disk's format, where MoveVirtualDisk_Task promises nothing; it shows progress and can be
cancelled. So the disk is attached to a new VM without anything else, which is relocated (`relocation.relocate_vm`),
gives the disk back, and is destroyed.

Destroy_Task deletes the disks that a VM has. Hence the two laws here: what does not say of itself that it is a worker
is neither emptied nor destroyed, and a worker is destroyed only when it has just been seen without a disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from app.vsphere.bulk import read, read_all
from app.vsphere.collector import property_spec, retrieve, traversal
from app.vsphere.entities import hosts, plain_name
from app.vsphere.errors import NotAWorker, VCenterFault, WorkerHoldsDisk
from app.vsphere.facts import Datastore, FaultClass, FaultInfo
from app.vsphere.inventory import read_datastore, read_datastores
from app.vsphere.machines import JOB_OPTION, WORKER_OF_JOB, worker_of_job
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.registration import find_vm_by_instance_uuid, vm_folder
from app.vsphere.session import Session
from app.vsphere.uuids import canonical_uuid

_VIRTUAL_MACHINE = "VirtualMachine"
_DEVICES = "config.hardware.device"
_MEMORY_MIB = 32  # never started
_CONTROLLER_KEY, _DISK_KEY = -1, -2
"""Negative keys name devices within one specification; vCenter gives them theirs."""


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Where a worker VM can be registered: a host, and the root resource pool of its compute resource."""

    host_moref: str
    pool_moref: str


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker VM, as vCenter has it now."""

    moref: str
    name: str
    instance_uuid: str | None
    job_id: str


def worker_place(session: Session, datastores: Iterable[str], *, job_id: str) -> WorkerPlace | None:
    """Return a place for a worker that is to carry a disk between `datastores`; None when no host can do that.

    Its host is connected, not in maintenance, and mounts all of them for writing. Jobs are spread over the hosts there
    are: vCenter lets each host do few relocations at once. Raises `ManagedObjectGone` when a datastore does not exist.
    """
    able = sorted(hosts_of_all(read_datastores(session, datastores)))
    found = read(
        session,
        [("HostSystem", host) for host in able],
        [
            property_spec(vim.HostSystem, ["name", "parent", "runtime.connectionState", "runtime.inMaintenanceMode"]),
            property_spec(vim.ComputeResource, ["resourcePool"]),
        ],
        select=[traversal(vim.HostSystem, "parent")],
    )
    places = [
        WorkerPlace(host.moref, pool)
        for host in sorted(hosts(found), key=lambda host: host.moref)
        if host.connected
        and not host.in_maintenance
        and host.cluster_moref in found
        and (pool := found[host.cluster_moref].properties.get("resourcePool")) is not None
    ]
    return places[crc32(job_id.encode()) % len(places)] if places else None


def create_worker(
    session: Session,
    *,
    instance_uuid: str,
    name: str,
    job_id: str,
    datacenter: str,
    disk_path: str,
    home_datastore: str,
    place: WorkerPlace,
) -> str:
    """Start creating a worker VM that has the VMDK at `disk_path` attached; return the reference of vCenter's task.

    The VM has nothing else: no network, one controller, 32 MiB. `instance_uuid` is chosen by the caller and written
    down before: by it the VM is found again (`find_worker`) when the answer is lost. Its files go to a folder of its
    own on `home_datastore`; a task that fails leaves the disk as it was.

    Raises `ManagedObjectGone`, `VCenterFault` when vCenter refuses, and `ReplyLost` when it is not known whether the
    task was started.
    """
    home = read_datastore(session, home_datastore).name
    folder = vm_folder(session, datacenter)
    spec = vim.vm.ConfigSpec(
        name=name,
        instanceUuid=instance_uuid,
        annotation=f"Carries a disk for job {job_id} of vrelocate, which destroys this virtual machine afterwards.",
        extraConfig=[vim.option.OptionValue(key=JOB_OPTION, value=job_id)],
        files=vim.vm.FileInfo(vmPathName=f"[{home}]"),
        guestId="otherGuest",
        numCPUs=1,
        memoryMB=_MEMORY_MIB,
        deviceChange=[_added(_controller()), _added(_disk(disk_path))],
    )

    def submit(_content: VimObject) -> str:
        task = session.moref("Folder", folder).CreateVM_Task(
            config=spec,
            pool=session.moref("ResourcePool", place.pool_moref),
            host=session.moref("HostSystem", place.host_moref),
        )
        return str(task._moId)  # noqa: SLF001  # the reference value has no public name in pyVmomi

    return session.call(submit, idempotent=False)


def find_worker(session: Session, instance_uuid: str) -> str | None:
    """Return the reference of the worker that was created, or is being created, with this instance uuid, or None."""
    return find_vm_by_instance_uuid(session, instance_uuid)


def list_workers(session: Session) -> list[Worker]:
    """Return every worker VM that the vCenter has, whichever job it is of."""
    found = read_all(
        session,
        [vim.VirtualMachine],
        [property_spec(vim.VirtualMachine, ["name", "config.instanceUuid", WORKER_OF_JOB])],
    )
    return [
        Worker(
            moref=moref,
            name=plain_name(vm.properties["name"]),
            instance_uuid=canonical_uuid(uuid) if (uuid := vm.properties.get("config.instanceUuid")) else None,
            job_id=job_id,
        )
        for moref, vm in found.items()
        if "name" in vm.properties and (job_id := worker_of_job(vm.properties)) is not None
    ]


def detach_disks(session: Session, vm_moref: str) -> str | None:
    """Start taking all disks off a worker, their files untouched; return vCenter's task, None when it has none.

    Where the files are is known from the VM (`read_vm`) only as long as it has them: ask before.
    Raises `NotAWorker`, `ManagedObjectGone`, `VCenterFault` when vCenter refuses or does not tell the VM's devices, and
    `ReplyLost` when it is not known whether the task was started.
    """
    attached = _disks_of_worker(session, vm_moref)
    if not attached:
        return None
    # Without a file operation: `destroy` would be the disk's end.
    changes = [vim.vm.device.VirtualDeviceSpec(operation="remove", device=disk) for disk in attached]

    def submit(_content: VimObject) -> str:
        vm = session.moref(_VIRTUAL_MACHINE, vm_moref)
        return str(vm.ReconfigVM_Task(spec=vim.vm.ConfigSpec(deviceChange=changes))._moId)  # noqa: SLF001

    return session.call(submit, idempotent=False)


def destroy_worker(session: Session, vm_moref: str) -> str:
    """Start destroying a worker that has no disk (any more); return the reference of vCenter's task.

    Raises `NotAWorker`, `WorkerHoldsDisk`, `ManagedObjectGone`, `VCenterFault` when vCenter refuses or does not tell
    the VM's devices, and `ReplyLost` when it is not known whether the task was started.
    """
    attached = _disks_of_worker(session, vm_moref)
    if attached:
        files = ", ".join(disk.backing.fileName for disk in attached)
        raise WorkerHoldsDisk(
            f"worker {vm_moref} is not destroyed: it has {files}, which would be deleted; detach first"
        )

    def submit(_content: VimObject) -> str:
        return str(session.moref(_VIRTUAL_MACHINE, vm_moref).Destroy_Task()._moId)  # noqa: SLF001

    return session.call(submit, idempotent=False)


def hosts_of_all(datastores: Iterable[Datastore]) -> set[str]:
    """Return the hosts that can write to every one of the datastores."""
    able = [
        {mount.host_moref for mount in datastore.mounts if mount.mounted and mount.accessible and mount.writable}
        for datastore in datastores
    ]
    return set.intersection(*able) if able else set()


def _disks_of_worker(session: Session, vm_moref: str) -> list[VimObject]:
    """Return a worker's disks as they are now, in vCenter's own words, which a change of them repeats."""
    paths = ["name", WORKER_OF_JOB, _DEVICES]
    told = retrieve(session, _VIRTUAL_MACHINE, vm_moref, [property_spec(vim.VirtualMachine, paths)])[vm_moref]
    if _DEVICES not in told:
        what = f"vCenter does not tell the devices of {told.get('name', vm_moref)} now: its host or its storage is away"
        raise VCenterFault(FaultInfo("InvalidState", what, FaultClass.RETRY_WHEN_CHANGED))
    if getattr(told.get(WORKER_OF_JOB), "value", None) is None:
        raise NotAWorker(
            f"virtual machine {told['name']} ({vm_moref}) is no worker: its configuration has no {JOB_OPTION}"
        )
    return [device for device in told[_DEVICES] if isinstance(device, vim.vm.device.VirtualDisk)]


def _added(device: VimObject) -> VimObject:
    """Return the change that adds a device; a disk's file is taken as it is, since no file operation is asked for."""
    return vim.vm.device.VirtualDeviceSpec(operation="add", device=device)


def _controller() -> VimObject:
    return vim.vm.device.VirtualLsiLogicController(key=_CONTROLLER_KEY, busNumber=0, sharedBus="noSharing")


def _disk(path: str) -> VimObject:
    """Return an existing disk as a device; size, format and uuid are the file's, whatever is said here."""
    return vim.vm.device.VirtualDisk(
        key=_DISK_KEY,
        controllerKey=_CONTROLLER_KEY,
        unitNumber=0,
        capacityInKB=0,
        backing=vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName=path, diskMode="persistent"),
    )
