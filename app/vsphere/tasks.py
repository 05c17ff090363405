"""vCenter's tasks: read, find, cancel. `TaskWatch` follows many at once.

A task that ended lives on for about ten minutes; then its reference is unknown, and only the inventory tells how it
ended. Tasks run on without the session that started them.
"""

from __future__ import annotations

from app.vsphere.collector import property_spec, retrieve, traversal
from app.vsphere.errors import ManagedObjectGone, VCenterFault
from app.vsphere.facts import TaskSnapshot, TaskState
from app.vsphere.pyvmomi import vim
from app.vsphere.session import Session
from app.vsphere.task_info import RUNNING_PATHS, STATE_PATH, read_task, snapshot
from app.vsphere.task_watch import TaskWatch

__all__ = ["TaskSnapshot", "TaskState", "TaskWatch", "cancel_task", "read_task", "running_tasks_of"]

_WITH_TASKS = {"VirtualMachine": vim.VirtualMachine, "Datastore": vim.Datastore}


def running_tasks_of(session: Session, moref: str, *, kind: str = "VirtualMachine") -> list[TaskSnapshot]:
    """Return the queued and running tasks of a virtual machine or a datastore (`recentTask`), whoever started them.

    Raises `ManagedObjectGone` when there is no such entity.
    """
    entity = _WITH_TASKS[kind]
    found = retrieve(
        session,
        kind,
        moref,
        [property_spec(entity, ["name"]), property_spec(vim.Task, RUNNING_PATHS)],
        select=[traversal(entity, "recentTask")],
    )
    tasks = (snapshot(moref, told) for moref, told in found.items() if STATE_PATH in told)
    return [task for task in tasks if not task.ended]


def cancel_task(session: Session, moref: str) -> None:
    """Ask vCenter to cancel a task, and return at once: how it ends is seen by watching it.

    A task that has ended, or is forgotten, needs no cancelling and raises nothing. One that vCenter cannot cancel
    raises `VCenterFault` (NotSupported).
    """
    try:
        session.call(lambda _: session.moref("Task", moref).CancelTask())
    except ManagedObjectGone:
        return
    except VCenterFault as refused:
        if refused.fault.name != "InvalidState":
            raise
