"""One task, read: which of its properties, and how they become a `TaskSnapshot`.

Each property is read by its own path. `info` as a whole would bring `entity` and `result` along, which some servers
fill with objects that pyVmomi refuses (TypeError), and which can be large.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.vsphere.collector import property_spec, retrieve
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.facts import FaultClass, FaultInfo, TaskSnapshot, TaskState
from app.vsphere.faults import classify
from app.vsphere.pyvmomi import utc, vim
from app.vsphere.session import Session
from app.vsphere.soap import UNREADABLE

STATE_PATH = "info.state"
PROGRESS_PATH = "info.progress"
SNAPSHOT_PATHS = (
    STATE_PATH,
    PROGRESS_PATH,
    "info.cancelable",
    "info.cancelled",
    "info.error",
    "info.queueTime",
    "info.startTime",
    "info.completeTime",
)
STATE_PATHS = (STATE_PATH, "info.error")
"""What a long poll waits for. Every other property that changes would wake it for nothing, right before an end most of
all: a relocation cannot be cancelled any more when its last part begins."""
RUNNING_PATHS = tuple(path for path in SNAPSHOT_PATHS if path != "info.error")
"""What there is of tasks that have not ended. Without the errors of the others, which could be unreadable."""


def snapshot(moref: str, properties: Mapping[str, Any]) -> TaskSnapshot:
    """Make a snapshot of the properties read by `SNAPSHOT_PATHS`; those that are unset may be missing."""
    error = properties.get("info.error")
    return TaskSnapshot(
        moref=moref,
        state=TaskState(str(properties.get(STATE_PATH, TaskState.QUEUED))),
        progress=properties.get("info.progress"),
        cancelable=bool(properties.get("info.cancelable")),
        cancelled=bool(properties.get("info.cancelled")),
        fault=None if error is None else classify(error),
        queued_at=utc(properties.get("info.queueTime")),
        started_at=utc(properties.get("info.startTime")),
        completed_at=utc(properties.get("info.completeTime")),
    )


def read_task(session: Session, moref: str) -> TaskSnapshot | None:
    """Return the task as it is now; None when vCenter does not know it (any more)."""
    try:
        return snapshot(moref, _read(session, moref, SNAPSHOT_PATHS))
    except ManagedObjectGone:
        return None
    except UNREADABLE:
        return _unreadable_snapshot(session, moref)


def is_readable(session: Session, moref: str) -> bool:
    """Whether pyVmomi understands all that vCenter says of the task. A task that is gone is readable: as gone."""
    try:
        _read(session, moref, SNAPSHOT_PATHS)
    except ManagedObjectGone:
        return True
    except UNREADABLE:
        return False
    return True


def _unreadable_snapshot(session: Session, moref: str) -> TaskSnapshot | None:
    """Read the state alone: the task's error holds something that pyVmomi does not know."""
    try:
        properties = _read(session, moref, [STATE_PATH])
    except ManagedObjectGone:
        return None
    state = TaskState(str(properties[STATE_PATH]))
    fault = FaultInfo("UnreadableFault", "vCenter's reason for the failure cannot be read", FaultClass.RECONCILE)
    return TaskSnapshot(moref=moref, state=state, fault=fault if state is TaskState.ERROR else None)


def _read(session: Session, moref: str, paths: Iterable[str]) -> Mapping[str, Any]:
    return retrieve(session, "Task", moref, [property_spec(vim.Task, paths)])[moref]
