"""Carrying out a guru's command in vCenter, and looking what became of one whose answer was never written down."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.errors import CheckFailed
from app.hypervisors.commands import (
    CarryDisk,
    CarryImage,
    CarryVm,
    Command,
    ConsolidateDisks,
    DetachWorkerDisks,
    DiscardTargets,
    MoveVirtualDisk,
    PlaceDisk,
    RegisterVm,
    RelocateFirstClassDisk,
    RelocateVm,
    RemoveFolder,
    RemoveSources,
    UnregisterVm,
)
from app.migration import carried_commands, registration_commands, worker_commands
from app.migration.findings import Done, Finding, NotStarted, StillRunning, Unclear
from app.migration.programs import Asked
from app.vsphere import consolidation, disks, first_class_disks, inventory, relocation, tasks
from app.vsphere.session import Session


def prepare(vcenter: Session, command: Command, history: Sequence[Asked], system_id: UUID) -> Command:
    """Return the command with what can be known only now: from vCenter, or from the commands that went before it."""
    match command:
        case DetachWorkerDisks():
            return worker_commands.prepare(vcenter, command)
        case PlaceDisk():
            earlier = (it.command for it in history)
            paths = [it.disk_path for it in earlier if isinstance(it, DetachWorkerDisks) and it.disk_path]
            known = paths[-1] if paths else command.source_path
            return command.model_copy(update={"source_path": known or command.target_path})
        case RelocateVm() if history:
            # Checked when the program began, which may be long ago by now.
            _require_stopped(vcenter, command.vm)
            return command
        case UnregisterVm() | RegisterVm():
            return registration_commands.prepare(vcenter, command, history)
        case CarryDisk() | CarryImage() | CarryVm() | RemoveSources() | DiscardTargets() | RemoveFolder():
            return carried_commands.prepare(vcenter, command, history, system_id)
        case _:
            return command


def _require_stopped(vcenter: Session, vm: str) -> None:
    seen = inventory.read_vm(vcenter, vm)
    if seen.power_state != "poweredOff":
        raise CheckFailed([f"VM {seen.name} is {seen.power_state} by now: stop it, a cold migration moves stopped VMs"])


def submit(vcenter: Session, command: Command, job_id: UUID) -> str | None:
    """Ask vCenter for it; returns the task's managed object reference, or `None`: there was nothing to do.

    Raises `VCenterFault` when vCenter refuses, `ReplyLost` when it is not known whether the call arrived.
    """
    match command:
        case RelocateVm() | ConsolidateDisks():
            return _submit_for_vm(vcenter, command)
        case MoveVirtualDisk() | PlaceDisk() | RelocateFirstClassDisk():
            return _submit_for_disk(vcenter, command)
        case UnregisterVm() | RegisterVm():
            return registration_commands.submit(vcenter, command)
        case CarryDisk() | CarryImage() | CarryVm():
            raise TypeError(f"{command.kind} is handed over to a carrier, and asked of no vCenter")
        case RemoveSources() | DiscardTargets() | RemoveFolder():
            return carried_commands.carry_out(vcenter, command)
        case _:
            return worker_commands.submit(vcenter, command, job_id)


def look(vcenter: Session, command: Command, task_id: UUID | None = None) -> Finding:
    """Find out what became of a command that was perhaps submitted (law 3), or that is said to be done (law 4).

    `task_id` is its outside task, which alone names what our own workers carry.
    """
    match command:
        case RelocateVm() | ConsolidateDisks():
            return _look_at_vm(vcenter, command)
        case MoveVirtualDisk() | PlaceDisk():
            return _look_for_disk(vcenter, command)
        case RelocateFirstClassDisk():
            return _look_for_first_class_disk(vcenter, command)
        case UnregisterVm() | RegisterVm():
            return registration_commands.look(vcenter, command)
        case CarryDisk() | CarryImage() | CarryVm() | RemoveSources() | DiscardTargets() | RemoveFolder():
            return carried_commands.look(vcenter, command, task_id)
        case _:
            return worker_commands.look(vcenter, command)


def _submit_for_vm(vcenter: Session, command: RelocateVm | ConsolidateDisks) -> str:
    if isinstance(command, ConsolidateDisks):
        return consolidation.consolidate(vcenter, command.vm)
    return relocation.relocate_vm(
        vcenter, command.vm, home_datastore=command.home, disks=command.disks, formats=command.formats
    )


def _submit_for_disk(vcenter: Session, command: MoveVirtualDisk | PlaceDisk | RelocateFirstClassDisk) -> str | None:
    if isinstance(command, RelocateFirstClassDisk):
        return first_class_disks.relocate_first_class_disk(
            vcenter,
            disk_id=command.disk_id,
            source_datastore=command.source,
            target_datastore=command.target,
            disk_format=command.format,
        )
    if command.source_path in {None, command.target_path}:
        return None
    folder = command.target_path.rpartition("/")[0]
    if folder:  # a disk may lie in the datastore's root
        disks.make_directory(vcenter, folder, command.datacenter)
    return disks.move_disk(
        vcenter,
        source_path=command.source_path or "",
        source_datacenter=command.datacenter,
        target_path=command.target_path,
        target_datacenter=command.datacenter,
    )


def _look_at_vm(vcenter: Session, command: RelocateVm | ConsolidateDisks) -> Finding:
    for task in tasks.running_tasks_of(vcenter, command.vm):
        return StillRunning(reference=task.moref)
    # Read after the tasks: a relocation that ended in between shows in the disks.
    vm = inventory.read_vm(vcenter, command.vm)
    if isinstance(command, ConsolidateDisks):
        return NotStarted() if vm.consolidation_needed else Done()
    at_home = command.home is None or vm.home_datastore_moref == command.home
    present = {disk.key: disk for disk in vm.disks}
    there = all(key in present and present[key].datastore_moref == place for key, place in command.disks.items())
    converted = all(key in present and present[key].format is wanted for key, wanted in command.formats.items())
    return Done() if at_home and there and converted else NotStarted()


def _look_for_disk(vcenter: Session, command: MoveVirtualDisk | PlaceDisk) -> Finding:
    if command.source_path in {None, command.target_path}:
        return Done()
    at_source = inventory.disk_exists(vcenter, command.datacenter, command.source_path or "") is not None
    at_target = inventory.disk_exists(vcenter, command.datacenter, command.target_path) is not None
    if at_source and isinstance(command, PlaceDisk):
        # Within a datastore it is renamed: as long as it has its old name, another one has the new name.
        return NotStarted()
    if at_source and at_target:
        # The task of a disk move hangs on no entity that could be asked for it, and a copy shows at its target early.
        return Unclear(f"{command.target_path} appeared while {command.source_path} is still there")
    if at_target:
        return Done()
    if at_source:
        return NotStarted()
    return Unclear(f"neither {command.source_path} nor {command.target_path} is there")


def _look_for_first_class_disk(vcenter: Session, command: RelocateFirstClassDisk) -> Finding:
    found = first_class_disks.find_first_class_disk(vcenter, command.disk_id, [command.target, command.source])
    if found is None:
        return Unclear(f"First Class Disk {command.disk_id} is on neither datastore")
    if found.datastore_moref == command.target:
        return Done()
    # Its task hangs on the datastore, where others' do too.
    if tasks.running_tasks_of(vcenter, command.source, kind="Datastore"):
        return Unclear(f"a task is at work on the datastore of First Class Disk {command.disk_id}")
    return NotStarted()
