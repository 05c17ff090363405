"""ConsolidateVMDisks_Task: delta disks that a snapshot's removal left behind are merged into their parents."""

from __future__ import annotations

from app.vsphere.pyvmomi import VimObject
from app.vsphere.session import Session


def consolidate(session: Session, vm_moref: str) -> str:
    """Start consolidating the disks of a VM; return the reference of vCenter's task.

    Whether there is something to do is `VirtualMachine.consolidation_needed`; where there is nothing, the task does
    nothing and succeeds. Snapshots stay. Raises `ManagedObjectGone`, `VCenterFault` when vCenter refuses, and
    `ReplyLost` when it is not known whether the task was started.
    """

    def submit(_content: VimObject) -> str:
        return str(session.moref("VirtualMachine", vm_moref).ConsolidateVMDisks_Task()._moId)  # noqa: SLF001

    return session.call(submit, idempotent=False)
