"""VMs into the inventory and out of it, their files untouched (Folder.RegisterVM_Task, VirtualMachine.UnregisterVM)."""

from __future__ import annotations

from app.vsphere.bulk import read
from app.vsphere.collector import property_spec
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.session import Session

_DATACENTER = "Datacenter"


def unregister_vm(session: Session, vm_moref: str) -> None:
    """Take a stopped VM out of the inventory; all of its files stay. One that is gone already is fine.

    Raises `VCenterFault` (InvalidPowerState, TaskInProgress, …).
    """
    try:
        session.call(lambda _: session.moref("VirtualMachine", vm_moref).UnregisterVM())
    except ManagedObjectGone:
        return


def register_vm(
    session: Session,
    *,
    vmx_path: str,
    datacenter: str,
    name: str,
    host: str,
    pool: str,
    folder: str | None = None,
) -> str:
    """Start registering the VM whose configuration is at `vmx_path`; return the reference of vCenter's task.

    `folder` defaults to the datacenter's own VM folder. Of the VM's identity the .vmx file keeps the instance uuid and
    the BIOS uuid; its reference is a new one (`find_vm_by_instance_uuid`). A VM that is registered already fails the
    task with AlreadyExists.

    Raises `ManagedObjectGone`, `VCenterFault` when vCenter refuses, and `ReplyLost` when it is not known whether the
    task was started.
    """
    place = folder or vm_folder(session, datacenter)

    def submit(_content: VimObject) -> str:
        task = session.moref("Folder", place).RegisterVM_Task(
            path=vmx_path,
            name=name,
            asTemplate=False,
            pool=session.moref("ResourcePool", pool),
            host=session.moref("HostSystem", host),
        )
        return str(task._moId)  # noqa: SLF001  # the reference value has no public name in pyVmomi

    return session.call(submit, idempotent=False)


def registration_of(session: Session, vm_moref: str) -> dict[str, str]:
    """Return where a VM is registered, by managed object reference: its `folder`, its `pool` and its `host`.

    Raises `ManagedObjectGone` when there is no such VM, or when it is in no folder (a vApp has it) or on no host.
    """
    paths = {"folder": "parent", "pool": "resourcePool", "host": "runtime.host"}
    found = read(session, [("VirtualMachine", vm_moref)], [property_spec(vim.VirtualMachine, list(paths.values()))])
    told = found[vm_moref].properties if vm_moref in found else {}
    if any(path not in told for path in paths.values()):
        raise ManagedObjectGone("VirtualMachine", f"{vm_moref} with a folder, a resource pool and a host")
    return {name: str(told[path]) for name, path in paths.items()}


def find_vm_by_instance_uuid(session: Session, instance_uuid: str) -> str | None:
    """Return the reference of the VM with this instance uuid (config.instanceUuid); None when there is none."""

    def ask(content: VimObject) -> str | None:
        vm = content.searchIndex.FindByUuid(uuid=instance_uuid, vmSearch=True, instanceUuid=True)
        return None if vm is None else str(vm._moId)  # noqa: SLF001  # the reference value has no public name

    return session.call(ask)


def find_vm_by_path(session: Session, datacenter: str, vmx_path: str) -> str | None:
    """Return the reference of the VM that is registered with the configuration at `vmx_path`; None without one."""

    def ask(content: VimObject) -> str | None:
        within = session.moref(_DATACENTER, datacenter)
        vm = content.searchIndex.FindByDatastorePath(datacenter=within, path=vmx_path)
        return None if vm is None else str(vm._moId)  # noqa: SLF001  # the reference value has no public name

    return session.call(ask)


def vm_folder(session: Session, datacenter: str) -> str:
    """Return the root of a datacenter's VM folders; raise `ManagedObjectGone` when there is no such datacenter."""
    found = read(session, [(_DATACENTER, datacenter)], [property_spec(vim.Datacenter, ["vmFolder"])])
    folder = found[datacenter].properties.get("vmFolder") if datacenter in found else None
    if folder is None:
        raise ManagedObjectGone(_DATACENTER, datacenter)
    return str(folder)
