"""Waiting for tasks of seconds: a search of a folder, a rename. What takes longer is followed by a watcher."""

from __future__ import annotations

import time
from collections.abc import Iterable

from app.vsphere.collector import property_spec, retrieve
from app.vsphere.errors import VCenterFault, VCenterUnreachable
from app.vsphere.facts import FaultClass, FaultInfo, TaskSnapshot, TaskState
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.session import Session
from app.vsphere.task_info import read_task
from app.vsphere.task_watch import TaskWatch
from app.vsphere.tasks import cancel_task

_POLL_SECONDS = 5.0


def ends_of(
    session: Session, tasks: Iterable[str], *, timeout_seconds: float, cancel_late: bool = True
) -> dict[str, TaskSnapshot]:
    """Wait until all tasks have ended; those that have not in time come as they stand, and are cancelled.

    One that vCenter has forgotten comes with the state GONE. Without `cancel_late` the late ones go on.
    """
    latest = {task: TaskSnapshot(task, TaskState.QUEUED) for task in tasks}
    deadline = time.monotonic() + timeout_seconds
    watch = TaskWatch(session)
    try:
        for gone in watch.watch(latest):
            latest[gone] = TaskSnapshot(gone, TaskState.GONE)
        while not all(task.ended for task in latest.values()) and time.monotonic() < deadline:
            for changed in watch.wait(_POLL_SECONDS):
                latest[changed.moref] = changed
    finally:
        watch.close()
    if cancel_late:
        for late in (task for task in latest.values() if not task.ended):
            cancel_task(session, late.moref)
    return latest


def end_of(session: Session, task: str) -> TaskSnapshot:
    """Wait as long as a call may take; a task that has not ended by then is cancelled, and comes as it stands."""
    # Most are over by the time that one can ask; a watch takes half a dozen calls to set up and to take down.
    seen = read_task(session, task) or TaskSnapshot(task, TaskState.GONE)
    if seen.ended:
        return seen
    return ends_of(session, [task], timeout_seconds=session.timeout_seconds)[task]


def require_success(ended: TaskSnapshot, doing: str) -> None:
    """Raise `VCenterFault` with what the task failed with, or because it did not end."""
    if ended.fault is not None:
        raise VCenterFault(ended.fault)
    if ended.state is not TaskState.SUCCESS:
        raise VCenterFault(FaultInfo("Timedout", f"{doing} did not end", FaultClass.RETRY))


def result_of(session: Session, ended: TaskSnapshot, doing: str) -> VimObject:
    """Return a task's result (`info.result`).

    Raises `VCenterFault` when it failed or did not end, and `VCenterUnreachable` when vCenter has lost the result.
    """
    require_success(ended, doing)
    told = retrieve(session, "Task", ended.moref, [property_spec(vim.Task, ["info.result"])])[ended.moref]
    result = told.get("info.result")
    if result is None:
        raise VCenterUnreachable(f"vCenter has lost the result of {doing}")
    return result
