"""RelocateVM_Task: a VM's home and its disks to other datastores.

Only what is asked for moves. vSphere moves every disk that has no locator of its own along with the VM's home, so each
disk gets one: the moving ones with their target, the others pinned to the datastore they are on; and a home that stays
is named too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.vsphere.errors import DiskNotOnVm
from app.vsphere.facts import VirtualMachine
from app.vsphere.inventory import read_vm
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.session import Session


@dataclass(frozen=True, slots=True)
class Placement:
    """Where everything of a VM is to be, all of it named: the home and each disk, moving or not."""

    home_datastore: str | None
    """None only for a VM whose home vCenter does not tell."""
    disks: Mapping[int, str]
    """Disk key → datastore. Disks without a datastore (raw devices) are not in it: they cannot move."""


def placement(vm: VirtualMachine, *, home_datastore: str | None, disks: Mapping[int, str]) -> Placement:
    """Return where everything of `vm` is to be when `home_datastore` (None: stays) and `disks` are asked for.

    `disks` maps disk keys to datastores. Raises `DiskNotOnVm` for a key that the VM does not have.
    """
    missing = sorted(set(disks) - {disk.key for disk in vm.disks})
    if missing:
        has = ", ".join(f"{disk.key} ({disk.label})" for disk in vm.disks) or "none"
        raise DiskNotOnVm(f"virtual machine {vm.name} has no disk {', '.join(map(str, missing))}; its disks are {has}")
    present = {disk.key: disk.datastore_moref for disk in vm.disks if disk.datastore_moref is not None}
    return Placement(home_datastore=home_datastore or vm.home_datastore_moref, disks={**present, **disks})


def relocate_vm(
    session: Session,
    vm_moref: str,
    *,
    home_datastore: str | None,
    disks: Mapping[int, str],
    host: str | None = None,
    pool: str | None = None,
) -> str:
    """Start the relocation of a VM's home and of the disks named by key; return the reference of vCenter's task.

    What is not named stays where it is; so does the VM's registration, unless `host` or `pool` name another.
    Raises `ManagedObjectGone`, `DiskNotOnVm`, `VCenterFault` when vCenter refuses, and `ReplyLost` when it is not
    known whether the task was started.
    """
    wanted = placement(read_vm(session, vm_moref), home_datastore=home_datastore, disks=disks)

    def submit(_content: VimObject) -> str:
        spec = _relocate_spec(session, wanted, host=host, pool=pool)
        return str(session.moref("VirtualMachine", vm_moref).RelocateVM_Task(spec=spec)._moId)  # noqa: SLF001

    return session.call(submit, idempotent=False)


def _relocate_spec(session: Session, wanted: Placement, *, host: str | None, pool: str | None) -> VimObject:
    """Write the placement down as vSphere's VirtualMachineRelocateSpec."""
    spec = vim.vm.RelocateSpec(
        disk=[
            vim.vm.RelocateSpec.DiskLocator(diskId=key, datastore=session.moref("Datastore", datastore))
            for key, datastore in wanted.disks.items()
        ]
    )
    if wanted.home_datastore is not None:
        spec.datastore = session.moref("Datastore", wanted.home_datastore)
    if host is not None:
        spec.host = session.moref("HostSystem", host)
    if pool is not None:
        spec.pool = session.moref("ResourcePool", pool)
    return spec
