"""Carrying out a guru's command in vCenter, and looking what became of one whose answer was never written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from app.hypervisors.commands import MoveVirtualDisk, RelocateVm
from app.vsphere import disks, inventory, relocation, tasks
from app.vsphere.session import Session


@dataclass(frozen=True)
class StillRunning:
    """A task is at work on the entity: follow it instead of submitting another."""

    reference: str


@dataclass(frozen=True)
class Done:
    """Everything the command asked for is so."""


@dataclass(frozen=True)
class NotStarted:
    """Nothing of it is to be seen: it may be submitted."""


@dataclass(frozen=True)
class Unclear:
    """It cannot be told yet; the text says what was seen."""

    what_was_seen: str


Finding = StillRunning | Done | NotStarted | Unclear


def submit(vcenter: Session, command: RelocateVm | MoveVirtualDisk) -> str:
    """Ask vCenter for it; returns the task's managed object reference.

    Raises `VCenterFault` when vCenter refuses, `ReplyLost` when it is not known whether the call arrived.
    """
    match command:
        case RelocateVm():
            return relocation.relocate_vm(vcenter, command.vm, home_datastore=command.home, disks=command.disks)
        case MoveVirtualDisk():
            folder = command.target_path.rpartition("/")[0]
            if folder:  # a disk may lie in the datastore's root
                disks.make_directory(vcenter, folder, command.datacenter)
            return disks.move_disk(
                vcenter,
                source_path=command.source_path,
                source_datacenter=command.datacenter,
                target_path=command.target_path,
                target_datacenter=command.datacenter,
            )
        case _:
            assert_never(command)


def look(vcenter: Session, command: RelocateVm | MoveVirtualDisk) -> Finding:
    """Find out what became of a command that was perhaps submitted (law 3)."""
    match command:
        case RelocateVm():
            return _look_for_relocation(vcenter, command)
        case MoveVirtualDisk():
            return _look_for_disk(vcenter, command)
        case _:
            assert_never(command)


def _look_for_relocation(vcenter: Session, command: RelocateVm) -> Finding:
    for task in tasks.running_tasks_of(vcenter, command.vm):
        return StillRunning(reference=task.moref)
    # Read after the tasks: a relocation that ended in between shows in the disks.
    vm = inventory.read_vm(vcenter, command.vm)
    at_home = command.home is None or vm.home_datastore_moref == command.home
    present = {disk.key: disk.datastore_moref for disk in vm.disks}
    if at_home and all(present.get(key) == datastore for key, datastore in command.disks.items()):
        return Done()
    return NotStarted()


def _look_for_disk(vcenter: Session, command: MoveVirtualDisk) -> Finding:
    at_source = inventory.disk_exists(vcenter, command.datacenter, command.source_path) is not None
    at_target = inventory.disk_exists(vcenter, command.datacenter, command.target_path) is not None
    if at_source and at_target:
        # The task of a disk move hangs on no entity that could be asked for it, and a copy shows at its target early.
        return Unclear(f"{command.target_path} appeared while {command.source_path} is still there")
    if at_target:
        return Done()
    if at_source:
        return NotStarted()
    return Unclear(f"neither {command.source_path} nor {command.target_path} is there")
