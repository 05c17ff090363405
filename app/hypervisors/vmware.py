"""vSphere's guru: vCenter relocates stopped VMs, and moves disks that are attached to nothing.

There are four ways, and each move has one of them:

- a VM: `RelocateVM_Task`;
- a First Class Disk: `RelocateVStorageObject_Task`;
- a detached disk that keeps its format anyway: `MoveVirtualDisk_Task`. That a move across datastores keeps a thin disk
  thin is in no document (`CopyVirtualDisk_Task` preallocates by default), so it is asked for thick disks only;
- any other detached disk: a worker VM is made around it and relocated, as CloudStack does. A relocation keeps formats,
  converts them if asked, tells its progress and can be cancelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from uuid import uuid4

from app.hypervisors.commands import (
    Command,
    ConsolidateDisks,
    CreateWorker,
    DestroyWorker,
    DetachWorkerDisks,
    MoveVirtualDisk,
    PlaceDisk,
    RelocateFirstClassDisk,
    RelocateVm,
    RelocateWorker,
    RemoveFolder,
)
from app.hypervisors.guru import HypervisorGuru
from app.hypervisors.move import DiskMove, Machine, Move
from app.vsphere.facts import WORKER_NAME, DiskFormat
from app.vsphere.paths import DatastorePath


class Way(StrEnum):
    """How vCenter moves something; the values are what a job shows."""

    RELOCATE_VM = "vmware-storage-motion"
    RELOCATE_FIRST_CLASS_DISK = "vmware-relocate-fcd"
    WORKER_VM = "vmware-worker-vm"
    MOVE_DISK = "vmware-move-disk"


def way_of(move: Move) -> Way:
    """Return how vCenter moves it."""
    if move.machine is not None:
        return Way.RELOCATE_VM
    if any(disk.first_class_id for disk in move.disks):
        return Way.RELOCATE_FIRST_CLASS_DISK
    if any(disk.target_format or disk.format in {DiskFormat.THIN, DiskFormat.EAGER} for disk in move.disks):
        return Way.WORKER_VM
    return Way.MOVE_DISK


class VMwareGuru(HypervisorGuru):
    """Puts a move into vCenter's own words."""

    def finalize_migration(self, move: Move) -> Sequence[Command] | None:
        """Return the commands, one after the other; `None` for a vCenter that is not to move anything by itself."""
        if not move.native:
            return None
        if move.machine is not None:
            return _relocation(move, move.machine)
        [disk] = move.disks
        match way_of(move):
            case Way.RELOCATE_FIRST_CLASS_DISK:
                return [_first_class(disk)]
            case Way.WORKER_VM:
                return [*_by_worker(move, disk), *folder_left(disk.path, move.datacenter_moref)]
            case _:
                moving = MoveVirtualDisk(
                    source_path=disk.path, target_path=target_path(disk), datacenter=move.datacenter_moref
                )
                return [moving, *folder_left(disk.path, move.datacenter_moref)]


def target_path(disk: DiskMove) -> str:
    """Return the datastore path a detached disk goes to: its own folders and its own name, on the target."""
    _, _, within = disk.path.partition("] ")
    return f"[{disk.target.name}] {disk.own_place or within}"


def worker_folder(path: str) -> DatastorePath | None:
    """Return the folder of a worker VM in which a disk lies; `None`: it lies elsewhere."""
    parsed = DatastorePath.parse(path)
    return parsed.folder if parsed is not None and parsed.folder.file.startswith(WORKER_NAME) else None


def folder_left(path: str, datacenter: str) -> list[Command]:
    """Return what removes the folder of a worker VM when a disk that was left in it has gone; nothing for any other."""
    folder = worker_folder(path)
    if folder is None:
        return []
    going = f"{folder}.vrelocate-{folder.name.removeprefix(WORKER_NAME)}"
    return [RemoveFolder(datacenter=datacenter, folder=str(folder), going=going)]


def _relocation(move: Move, machine: Machine) -> list[Command]:
    relocation = RelocateVm(
        vm=machine.moref,
        home=move.home_target.moref if move.home_target else None,
        disks={disk.device_key: disk.target.moref for disk in move.disks if disk.device_key is not None},
        formats={
            disk.device_key: disk.target_format
            for disk in move.disks
            if disk.device_key is not None and disk.target_format is not None
        },
    )
    # What nobody needs is merged before it is copied.
    return [ConsolidateDisks(vm=machine.moref), relocation] if machine.consolidation_needed else [relocation]


def _first_class(disk: DiskMove) -> Command:
    return RelocateFirstClassDisk(
        disk_id=disk.first_class_id or "",
        source=disk.source.moref,
        target=disk.target.moref,
        format=disk.target_format or disk.format,
    )


def _by_worker(move: Move, disk: DiskMove) -> list[Command]:
    worker = uuid4()
    return [
        CreateWorker(
            worker=worker,
            name=f"{WORKER_NAME}{worker.hex[:8]}",
            datacenter=move.datacenter_moref,
            source=disk.source.moref,
            target=disk.target.moref,
            disk_path=disk.path,
        ),
        RelocateWorker(worker=worker, datastore=disk.target.moref, format=disk.target_format),
        DetachWorkerDisks(worker=worker),
        # Out of the worker's folder before the worker goes: nothing that is deleted is then near the disk.
        PlaceDisk(target_path=target_path(disk), datacenter=move.datacenter_moref),
        DestroyWorker(worker=worker),
    ]
