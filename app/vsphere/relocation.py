"""RelocateVM_Task: a VM's home and its disks to other datastores.

Only what is asked for moves. vSphere moves every disk that has no locator of its own along with the VM's home, so each
disk gets one: the moving ones with their target, the others pinned to the datastore they are on; and a home that stays
is named too. Likewise only those disks change their format that are asked to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from app.vsphere.errors import DiskNotOnVm
from app.vsphere.facts import DiskFormat, VirtualMachine
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
    formats: Mapping[int, DiskFormat] = field(default_factory=dict)
    """Disk key → format, of the disks that are to be converted, moving or not."""


def placement(
    vm: VirtualMachine,
    *,
    home_datastore: str | None,
    disks: Mapping[int, str],
    formats: Mapping[int, DiskFormat] = MappingProxyType({}),
) -> Placement:
    """Return where everything of `vm` is to be when this is asked for; `home_datastore` None: the home stays.

    `disks` maps disk keys to datastores, `formats` maps them to formats. Raises `DiskNotOnVm` for a key that the VM
    does not have.
    """
    missing = sorted({*disks, *formats} - {disk.key for disk in vm.disks})
    if missing:
        has = ", ".join(f"{disk.key} ({disk.label})" for disk in vm.disks) or "none"
        raise DiskNotOnVm(f"virtual machine {vm.name} has no disk {', '.join(map(str, missing))}; its disks are {has}")
    present = {disk.key: disk.datastore_moref for disk in vm.disks if disk.datastore_moref is not None}
    return Placement(
        home_datastore=home_datastore or vm.home_datastore_moref, disks={**present, **disks}, formats=formats
    )


def relocate_vm(
    session: Session,
    vm_moref: str,
    *,
    home_datastore: str | None,
    disks: Mapping[int, str],
    formats: Mapping[int, DiskFormat] = MappingProxyType({}),
    host: str | None = None,
    pool: str | None = None,
) -> str:
    """Start the relocation of a VM's home and of the disks named by key; return the reference of vCenter's task.

    What is not named stays where it is; so does the VM's registration, unless `host` or `pool` name another. A disk
    keeps its format unless `formats` names another for its key.
    Raises `ManagedObjectGone`, `DiskNotOnVm`, `VCenterFault` when vCenter refuses, and `ReplyLost` when it is not
    known whether the task was started.
    """
    vm = read_vm(session, vm_moref)
    wanted = placement(vm, home_datastore=home_datastore, disks=disks, formats=formats)
    modes = {disk.key: disk.mode for disk in vm.disks}

    def submit(_content: VimObject) -> str:
        spec = _relocate_spec(session, wanted, modes, host=host, pool=pool)
        return str(session.moref("VirtualMachine", vm_moref).RelocateVM_Task(spec=spec)._moId)  # noqa: SLF001

    return session.call(submit, idempotent=False)


def _relocate_spec(
    session: Session, wanted: Placement, modes: Mapping[int, str], *, host: str | None, pool: str | None
) -> VimObject:
    """Write the placement down as vSphere's VirtualMachineRelocateSpec; `modes` are the disks' as they are."""
    spec = vim.vm.RelocateSpec()
    for key, datastore in wanted.disks.items():
        locator = vim.vm.RelocateSpec.DiskLocator(diskId=key, datastore=session.moref("Datastore", datastore))
        if key in wanted.formats:
            locator.diskBackingInfo = _backing(wanted.formats[key], modes[key])
        spec.disk.append(locator)
    if wanted.home_datastore is not None:
        spec.datastore = session.moref("Datastore", wanted.home_datastore)
    if host is not None:
        spec.host = session.moref("HostSystem", host)
    if pool is not None:
        spec.pool = session.moref("ResourcePool", pool)
    return spec


def _backing(wanted: DiskFormat, mode: str) -> VimObject:
    """Write a format down as a flat disk's backing; of all its fields a relocation honours the last two."""
    return vim.vm.device.VirtualDisk.FlatVer2BackingInfo(
        fileName="", diskMode=mode, thinProvisioned=wanted is DiskFormat.THIN, eagerlyScrub=wanted is DiskFormat.EAGER
    )
