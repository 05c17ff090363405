"""The state of a virtual machine in CloudStack's words."""

from __future__ import annotations

from app.inventory.models import VirtualMachine

_STATES = {
    "poweredOn": "Running",
    "poweredOff": "Stopped",
    # As CloudStack's VmwareResource has it; apache-libcloud knows no word for a suspended VM.
    "suspended": "Running",
}


def cloudstack_state(vm: VirtualMachine) -> str:
    """Return `Running` or `Stopped`, or `Destroyed` for a VM that vCenter no longer shows."""
    return "Destroyed" if vm.removed_at else _STATES.get(vm.power_state, "Unknown")


def power_states(state: str) -> list[str]:
    """Return vSphere's power states that are shown as `state`; none for a state that no VM is ever in here."""
    return [power for power, shown in _STATES.items() if shown.lower() == state.lower()]
