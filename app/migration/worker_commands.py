"""The commands of a worker VM, which carries one detached disk: made, relocated, emptied, removed.

It is found by its instance uuid, whatever happened meanwhile; one that is not there has nothing to be detached from.
"""

from __future__ import annotations

from typing import assert_never
from uuid import UUID

from app.errors import ResourceUnavailable
from app.hypervisors.commands import CreateWorker, DestroyWorker, DetachWorkerDisks, RelocateWorker, WorkerCommand
from app.migration.findings import Done, Finding, NotStarted, StillRunning
from app.vsphere import inventory, relocation, tasks, worker_vm
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.facts import VirtualMachine
from app.vsphere.session import Session


def prepare(vcenter: Session, command: DetachWorkerDisks) -> DetachWorkerDisks:
    """Return the command with what the worker says of the disk: nobody else knows it when it has let go of it."""
    vm = _worker(vcenter, command.worker)
    disk = next(iter(vm.disks), None) if vm else None
    if disk is None:
        return command
    return command.model_copy(update={"disk_path": disk.path, "disk_uuid": disk.uuid, "disk_format": disk.format})


def disk_path(vcenter: Session, worker: UUID) -> str | None:
    """Return where the disk of a worker is now; `None`: there is no such worker, or it has no disk."""
    vm = _worker(vcenter, worker)
    return next((disk.path for disk in vm.disks), None) if vm else None


def submit(vcenter: Session, command: WorkerCommand, job_id: UUID) -> str | None:
    """Ask vCenter for it; returns the task's reference, or `None`: there was nothing to do."""
    if isinstance(command, CreateWorker):
        return _create(vcenter, command, job_id)
    vm = _worker(vcenter, command.worker)
    if vm is None:
        raise ManagedObjectGone("VirtualMachine", f"with the instance uuid {command.worker}, a worker of ours")
    match command:
        case RelocateWorker():
            moving = {disk.key: command.datastore for disk in vm.disks}
            formats = dict.fromkeys(moving, command.format) if command.format else {}
            return relocation.relocate_vm(vcenter, vm.moref, home_datastore=None, disks=moving, formats=formats)
        case DetachWorkerDisks():
            return worker_vm.detach_disks(vcenter, vm.moref)
        case DestroyWorker():
            return worker_vm.destroy_worker(vcenter, vm.moref)
        case _:
            assert_never(command)


def look(vcenter: Session, command: WorkerCommand) -> Finding:
    """Find out what became of it."""
    moref, running = worker_vm.find_worker(vcenter, str(command.worker)), None
    try:
        running = next(iter(tasks.running_tasks_of(vcenter, moref)), None) if moref else None
    except ManagedObjectGone:  # in this very moment
        moref = None
    if moref is None:
        return Done() if isinstance(command, DetachWorkerDisks | DestroyWorker) else NotStarted()
    if running is not None:
        return StillRunning(reference=running.moref)
    # Read after the tasks: one that ended in between shows in the disks.
    return Done() if _is_done(command, _worker(vcenter, command.worker)) else NotStarted()


def _is_done(command: WorkerCommand, vm: VirtualMachine | None) -> bool:
    disks = vm.disks if vm else ()
    match command:
        case CreateWorker():
            return vm is not None
        case RelocateWorker():
            return bool(disks) and all(
                disk.datastore_moref == command.datastore and command.format in {None, disk.format} for disk in disks
            )
        case DetachWorkerDisks():
            return not disks
        case DestroyWorker():
            return vm is None
        case _:
            assert_never(command)


def _create(vcenter: Session, command: CreateWorker, job_id: UUID) -> str:
    place = worker_vm.worker_place(vcenter, [command.source, command.target], job_id=str(job_id))
    if place is None:
        raise ResourceUnavailable("no connected host can write to both datastores: bring one back, or choose another")
    return worker_vm.create_worker(
        vcenter,
        instance_uuid=str(command.worker),
        name=command.name,
        job_id=str(job_id),
        datacenter=command.datacenter,
        disk_path=command.disk_path,
        home_datastore=command.target,
        place=place,
    )


def _worker(vcenter: Session, worker: UUID) -> VirtualMachine | None:
    moref = worker_vm.find_worker(vcenter, str(worker))
    try:
        return inventory.read_vm(vcenter, moref) if moref else None
    except ManagedObjectGone:
        return None
