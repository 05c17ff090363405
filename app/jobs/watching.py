"""What a watcher writes: its lease over one outside system, progress in batches, and the ends of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause

from app.db import transaction
from app.errors import LostLease
from app.jobs import watch_queries as queries
from app.jobs.leases import record_event
from app.jobs.outside import Ending
from app.jobs.states import TaskState
from app.settings import settings


@dataclass(frozen=True)
class Watch:
    """The right to watch one outside system, good until its lease runs out."""

    system_id: UUID
    owner: str
    fence: int


@dataclass(frozen=True)
class Followed:
    """An outside task that is under way."""

    task_id: UUID
    job_id: UUID
    reference: str
    entity: str | None = None
    """The outside system's own name of the virtual machine that it works on, if it is one."""
    age_seconds: float = field(default=0.0, compare=False)
    """How long ago it was begun, when it was read."""


def unwatched_systems() -> list[UUID]:
    """Return the systems in which something runs that nobody follows."""
    with transaction() as session:
        return list(session.execute(queries.UNWATCHED_SYSTEMS).scalars())


def take_watch(system_id: UUID, owner: str) -> Watch | None:
    """Take the watch over a system; `None` while another worker has it."""
    with transaction() as session:
        fence = session.execute(
            queries.TAKE_WATCH,
            {"system_id": system_id, "owner": owner, "lease_seconds": settings().watch_lease_seconds},
        ).scalar_one_or_none()
    return None if fence is None else Watch(system_id=system_id, owner=owner, fence=fence)


def renew_watch(watch: Watch) -> None:
    """Extend the watch; raises `LostLease` when another worker took it meanwhile, or it was given back."""
    with transaction() as session:
        renewed = session.execute(
            queries.RENEW_WATCH,
            {
                "system_id": watch.system_id,
                "owner": watch.owner,
                "fence": watch.fence,
                "lease_seconds": settings().watch_lease_seconds,
            },
        )
        if renewed.rowcount == 0:  # type: ignore[attr-defined]  # a text UPDATE's result is a CursorResult
            raise LostLease(f"the watch over {watch.system_id} is no longer {watch.owner}'s")


def drop_watch(watch: Watch) -> None:
    """Give the watch back, so that another worker takes it at once."""
    with transaction() as session:
        session.execute(queries.DROP_WATCH, {"system_id": watch.system_id, "owner": watch.owner, "fence": watch.fence})


def followed_tasks(system_id: UUID) -> list[Followed]:
    """Return what runs in a system."""
    return _tasks(queries.FOLLOWED_TASKS, {"system_id": system_id})


def fresh_tasks(system_id: UUID, within_seconds: float) -> list[Followed]:
    """Return what runs in a system and was submitted so lately.

    By the time that its transaction began: one may become visible some seconds later than that.
    """
    return _tasks(queries.FRESH_TASKS, {"system_id": system_id, "within_seconds": within_seconds})


def _tasks(statement: TextClause, parameters: dict[str, Any]) -> list[Followed]:
    with transaction() as session:
        return [
            Followed(row.id, row.job_id, row.reference, row.entity, row.age_seconds)
            for row in session.execute(statement, parameters)
        ]


def save_progress(watch: Watch, progress: Mapping[UUID, tuple[TaskState, int]]) -> None:
    """Write the progress of many tasks in one statement; keys are the outside tasks' ids, values state and percent."""
    if not progress:
        return
    with transaction() as session:
        session.execute(
            queries.SAVE_PROGRESS,
            {
                "ids": list(progress),
                "states": [state.value for state, _ in progress.values()],
                "progress": [percent for _, percent in progress.values()],
                "fence": watch.fence,
                "owner": watch.owner,
            },
        )


def save_endings(watch: Watch, endings: Sequence[tuple[Followed, Ending]]) -> list[UUID]:
    """Settle tasks that are over; returns the jobs that can be finished now.

    An ending is a fact whoever reports it, so it needs no fence: only the first report counts.
    """
    by_id = {followed.task_id: (followed, ending) for followed, ending in endings}
    with transaction() as session:
        settled = session.execute(
            queries.SETTLE_TASKS,
            {
                "ids": list(by_id),
                "states": [ending.state.value for _, ending in by_id.values()],
                "faults": [ending.fault for _, ending in by_id.values()],
                "fault_classes": [ending.fault_class for _, ending in by_id.values()],
                "messages": [ending.message for _, ending in by_id.values()],
            },
        ).all()
        for task_id, job_id in settled:
            followed, ending = by_id[task_id]
            detail = {"task": followed.reference, "state": ending.state.value, "fault": ending.fault}
            record_event(session, job_id, watch.owner, "settled", detail=detail)
    return [job_id for _, job_id in settled]
