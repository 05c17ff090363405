"""Waiting for one task of seconds: a search of a folder, a rename. What takes longer is followed by a watcher."""

from __future__ import annotations

import time

from app.vsphere.errors import VCenterFault
from app.vsphere.facts import FaultClass, FaultInfo, TaskSnapshot, TaskState
from app.vsphere.session import Session
from app.vsphere.task_watch import TaskWatch
from app.vsphere.tasks import cancel_task

_POLL_SECONDS = 5.0


def end_of(session: Session, task: str) -> TaskSnapshot:
    """Wait as long as a call may take; a task that has not ended by then is cancelled, and comes as it stands."""
    latest = TaskSnapshot(task, TaskState.QUEUED)
    deadline = time.monotonic() + session.timeout_seconds
    watch = TaskWatch(session)
    try:
        if watch.watch([task]):
            return TaskSnapshot(task, TaskState.GONE)
        while not latest.ended and time.monotonic() < deadline:
            for changed in watch.wait(_POLL_SECONDS):
                latest = changed
    finally:
        watch.close()
    if not latest.ended:
        cancel_task(session, task)
    return latest


def require_success(ended: TaskSnapshot, doing: str) -> None:
    """Raise `VCenterFault` with what the task failed with, or because it did not end."""
    if ended.fault is not None:
        raise VCenterFault(ended.fault)
    if ended.state is not TaskState.SUCCESS:
        raise VCenterFault(FaultInfo("Timedout", f"{doing} did not end", FaultClass.RETRY))
