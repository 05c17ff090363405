"""Through secondary storage: primary → secondary → new primary, where no hypervisor moves the data itself.

Every file is read once, written twice and read back; the source is deleted only when all checksums agree. That is
twice the bytes of vCenter's own relocation, and three times the time: so its priority is the lowest.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.hypervisors.commands import (
    CarryDisk,
    CarryImage,
    CarryVm,
    Command,
    RegisterVm,
    RemoveFolder,
    RemoveSources,
    UnregisterVm,
)
from app.hypervisors.move import DiskMove, Machine, Move
from app.hypervisors.vmware import folder_left, target_path
from app.inventory.models import KVM, VMWARE
from app.migration.priorities import StrategyPriority


class StorageMigration:
    """The default way, when the hypervisor's guru answers `None` or its strategies cannot."""

    name = "storage-migration"

    def can_handle(self, move: Move) -> StrategyPriority:
        """Answer DEFAULT for whole VMs and for detached disks, when there is a secondary storage."""
        return StrategyPriority.CANT_HANDLE if self.refusal(move) else StrategyPriority.DEFAULT

    def refusal(self, move: Move) -> str:
        """Say what is missing, or what cannot be put together again on the other side."""
        if not move.secondary:
            return "no secondary storage is configured"
        foreign = sorted(pool.name for pool in move.targets.values() if pool.hypervisor != move.hypervisor)
        if foreign:
            return f"{', '.join(foreign)} is no storage of {move.hypervisor}: an image would have to be converted"
        if any(disk.target_format for disk in move.disks):
            return "a copy of files converts nothing"
        if move.machine is not None:
            return _refusal_of_vm(move, move.machine)
        if any(disk.first_class_id for disk in move.disks):
            return "a First Class Disk is known to vCenter by more than its files"
        return ""

    def copy_async(self, move: Move) -> Sequence[Command]:
        """Carry the files; a VM is then registered where they are."""
        if move.machine is None:
            [disk] = move.disks
            return [_carried(move, disk)]
        vm, uuid = move.machine, move.machine.instance_uuid or ""
        target = move.home_target.name if move.home_target else ""
        return [
            CarryVm(datacenter=move.datacenter_moref, vmx_path=vm.path, target=target, instance_uuid=uuid),
            UnregisterVm(
                vm=vm.moref, name=vm.name, instance_uuid=uuid, datacenter=move.datacenter_moref, vmx_path=vm.path
            ),
            RegisterVm(name=vm.name, instance_uuid=uuid, datacenter=move.datacenter_moref),
        ]

    def delete_source(self, move: Move) -> Sequence[Command]:
        """Delete what was copied, and the folder of a VM; a folder of detached disks is nobody's own, and stays.

        (One that a worker VM had is ours.)
        """
        if move.machine is None:
            return [RemoveSources(), *folder_left(move.disks[0].path, move.datacenter_moref)]
        return [RemoveSources(), RemoveFolder(datacenter=move.datacenter_moref, emptied=True)]


def _carried(move: Move, disk: DiskMove) -> Command:
    if move.hypervisor == KVM:
        return CarryImage(
            source_root=disk.source.moref,
            target_root=disk.target.moref,
            source_path=disk.path,
            target_path=target_path(disk),
        )
    return CarryDisk(datacenter=move.datacenter_moref, source_path=disk.path, target_path=target_path(disk))


def _refusal_of_vm(move: Move, vm: Machine) -> str:
    """Say why a VM cannot go: its files name each other within one folder, so it goes as a whole or not at all."""
    if move.hypervisor != VMWARE or not vm.instance_uuid or not vm.path:
        return f"the files of VM {vm.name} are not known"
    folder = vm.path.rpartition("/")[0]
    if "/" not in vm.path or any(path.rpartition("/")[0] != folder for path in vm.disk_paths):
        return f"not all disks of VM {vm.name} lie in its own folder"
    if vm.linked_to:
        return f"VM {vm.name} is a linked clone, whose disks hang on another VM's"
    targets = {disk.target.id for disk in move.disks}
    if move.home_target is None or len(move.disks) != len(vm.disk_paths) or targets - {move.home_target.id}:
        return f"VM {vm.name} goes as a whole, and to one storage pool, through secondary storage"
    return ""
