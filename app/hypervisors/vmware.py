"""vSphere's guru: vCenter relocates stopped VMs, and moves disks that are attached to nothing."""

from __future__ import annotations

from collections.abc import Sequence

from app.hypervisors.commands import MoveVirtualDisk, RelocateVm
from app.hypervisors.guru import HypervisorGuru
from app.hypervisors.move import DiskMove, Move


class VMwareGuru(HypervisorGuru):
    """Puts a move into vCenter's own words."""

    def finalize_migration(self, move: Move) -> Sequence[RelocateVm | MoveVirtualDisk] | None:
        """Return one relocation for a VM, or one disk move for each detached disk."""
        if move.machine is None:
            return [
                MoveVirtualDisk(source_path=disk.path, target_path=target_path(disk), datacenter=move.datacenter_moref)
                for disk in move.disks
            ]
        return [
            RelocateVm(
                vm=move.machine.moref,
                home=move.home_target.moref if move.home_target else None,
                disks={disk.device_key: disk.target.moref for disk in move.disks if disk.device_key is not None},
            )
        ]


def target_path(disk: DiskMove) -> str:
    """Return the datastore path a detached disk goes to: the same folders and the same name on the target."""
    _, _, within = disk.path.partition("] ")
    return f"[{disk.target.name}] {within}"
