"""How many bytes an attempt has moved, as far as anybody can honestly say."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.orm import Session

from app.jobs.models import Attempt, OutsideTask
from app.jobs.states import TaskState
from app.migration.queries import tasks_of_job
from app.secondary.queries import written_bytes


def moved_bytes(session: Session, attempt: Attempt, left: Collection[UUID] | None) -> int | None:
    """Return what an attempt has brought to where it was to go; `None` when nobody knows.

    `left` are the volumes that are not on their targets, as looking has shown; `None`: nobody has looked. What our own
    workers have copied is counted as it was written. Of a disk that vCenter has moved, what it took up before; one that
    it has not moved counts nothing, for how much of it was copied nobody says.
    """
    tasks = [task for task in tasks_of_job(session, attempt.job_id) if task.attempt == attempt.number and _copied(task)]
    if not tasks:
        return 0
    written = written_bytes(session, [task.id for task in tasks])
    if written is not None:
        return written
    if left is None:
        return None
    disks: dict[UUID, int] = {
        UUID(disk["volume_id"]): disk["bytes"] for task in tasks for disk in task.command["disks"]
    }
    return sum(size for volume_id, size in disks.items() if volume_id not in left)


def _copied(task: OutsideTask) -> bool:
    """Say whether disks may have been moved by it: it was begun, or its effect was found."""
    begun = task.submitted_at is not None or task.state is TaskState.VANISHED
    return begun and bool(task.command.get("disks"))
