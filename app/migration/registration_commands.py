"""The commands that take a VM out of the inventory and bring it back, its files being elsewhere by then.

Others work with the same vCenter. What they may have done since the files were copied is looked at before the VM leaves
the inventory, and again when nobody can start it any more, before it comes back with the copies.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import CheckFailed, NotFound
from app.hypervisors.commands import CarryVm, RegisterVm, UnregisterVm
from app.migration.carried_commands import carried_by
from app.migration.findings import Done, Finding, NotStarted, StillRunning
from app.migration.programs import Asked
from app.secondary import proof
from app.vsphere import inventory, registration, tasks
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.session import Session


def prepare(
    vcenter: Session, command: UnregisterVm | RegisterVm, history: Sequence[Asked]
) -> UnregisterVm | RegisterVm:
    """Return the command with what only the registered VM tells, or the commands before this one.

    Raises `NotFound`, `CheckFailed`, and what `app.secondary.proof` raises, when the copies are not to be used.
    """
    if isinstance(command, UnregisterVm):
        return _prepare_leaving(vcenter, command, history)
    earlier = [it.command for it in history]
    places = [it.registration for it in earlier if isinstance(it, UnregisterVm) and it.registration]
    carried = [it.target_vmx_path for it in earlier if isinstance(it, CarryVm)]
    prepared = command.model_copy(
        update={
            "registration": places[-1] if places else {},
            "vmx_path": command.vmx_path or (carried[-1] if carried else None),
        }
    )
    if not command.back:
        _require_unregistered(vcenter, prepared)
        _require_copies(history)
    return prepared


def _prepare_leaving(vcenter: Session, command: UnregisterVm, history: Sequence[Asked]) -> UnregisterVm:
    moref = registration.find_vm_by_path(vcenter, command.datacenter, command.vmx_path)
    if moref is None:
        raise NotFound(f"no VM is registered with {command.vmx_path} any more: sync the vCenter and look for it")
    seen = inventory.read_vm(vcenter, moref)
    if seen.power_state != "poweredOff":
        raise CheckFailed([f"VM {seen.name} is {seen.power_state} by now: stop it, a cold migration moves stopped VMs"])
    if seen.instance_uuid != command.instance_uuid:
        raise CheckFailed([f"another VM, {seen.name}, is registered with {command.vmx_path} by now"])
    _require_copies(history)
    return command.model_copy(
        update={"vm": moref, "name": seen.name, "registration": registration.registration_of(vcenter, moref)}
    )


def _require_unregistered(vcenter: Session, command: RegisterVm) -> None:
    """Require that nobody else has brought the VM back: it would be in the inventory twice."""
    moref = registration.find_vm_by_instance_uuid(vcenter, command.instance_uuid)
    path = inventory.read_vm(vcenter, moref).vm_path_name if moref else None
    if moref and path != command.vmx_path:
        raise CheckFailed([f"somebody has registered VM {command.name} meanwhile, with {path}: it stays as it is"])


def _require_copies(history: Sequence[Asked]) -> None:
    carry = carried_by(history)
    if carry is None:
        raise NotFound("nothing was copied in this attempt")
    proof.require_both(carry.task.id)


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
    """Find out what became of it: a VM is known by its instance uuid and its path, under whichever reference."""
    if isinstance(command, UnregisterVm):
        there = registration.find_vm_by_path(vcenter, command.datacenter, command.vmx_path)
        return NotStarted() if there else Done()
    moref = registration.find_vm_by_instance_uuid(vcenter, command.instance_uuid)
    if moref is None:
        return NotStarted()
    try:
        for task in tasks.running_tasks_of(vcenter, moref):
            return StillRunning(reference=task.moref)
        vm = inventory.read_vm(vcenter, moref)
    except ManagedObjectGone:
        return NotStarted()
    return Done() if command.back or vm.vm_path_name == command.vmx_path else NotStarted()


def where_to_register(history: Sequence[Asked]) -> str:
    """Return what is to be done by hand for a VM that is not in the inventory; empty when it was never taken out."""
    left = [it.command for it in history if isinstance(it.command, UnregisterVm)]
    return f"; VM {left[-1].name} is to be registered with {left[-1].vmx_path}" if left else ""
