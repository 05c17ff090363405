"""The commands that take a VM out of the inventory and bring it back, its files being elsewhere by then."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import NotFound
from app.hypervisors.commands import CarryVm, RegisterVm, UnregisterVm
from app.migration.findings import Done, Finding, NotStarted, StillRunning
from app.migration.programs import Asked
from app.vsphere import inventory, registration, tasks
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.session import Session


def prepare(
    vcenter: Session, command: UnregisterVm | RegisterVm, history: Sequence[Asked]
) -> UnregisterVm | RegisterVm:
    """Return the command with what only the registered VM tells, or the commands before this one."""
    if isinstance(command, UnregisterVm):
        return command.model_copy(update={"registration": registration.registration_of(vcenter, command.vm)})
    earlier = [it.command for it in history]
    places = [it.registration for it in earlier if isinstance(it, UnregisterVm) and it.registration]
    carried = [it.target_vmx_path for it in earlier if isinstance(it, CarryVm)]
    return command.model_copy(
        update={
            "registration": places[-1] if places else {},
            "vmx_path": command.vmx_path or (carried[-1] if carried else None),
        }
    )


def submit(vcenter: Session, command: UnregisterVm | RegisterVm) -> str | None:
    """Ask vCenter for it; returns the reference of a registration's task."""
    if isinstance(command, UnregisterVm):
        registration.unregister_vm(vcenter, command.vm)
        return None
    if command.vmx_path is None or not command.registration:
        raise NotFound(f"it is not known where VM {command.name} is to be registered")
    return registration.register_vm(
        vcenter,
        vmx_path=command.vmx_path,
        datacenter=command.datacenter,
        name=command.name,
        host=command.registration["host"],
        pool=command.registration["pool"],
        folder=command.registration["folder"],
    )


def look(vcenter: Session, command: UnregisterVm | RegisterVm) -> Finding:
    """Find out what became of it: the VM is known by its instance uuid, under whichever reference."""
    moref = registration.find_vm_by_instance_uuid(vcenter, command.instance_uuid)
    if isinstance(command, UnregisterVm):
        # Another reference: somebody has registered it anew already.
        return NotStarted() if moref == command.vm else Done()
    if moref is None:
        return NotStarted()
    try:
        for task in tasks.running_tasks_of(vcenter, moref):
            return StillRunning(reference=task.moref)
        vm = inventory.read_vm(vcenter, moref)
    except ManagedObjectGone:
        return NotStarted()
    return Done() if command.vmx_path in {None, vm.vm_path_name} else NotStarted()
