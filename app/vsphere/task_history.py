"""How tasks ended that vCenter itself no longer knows: its history remembers them for weeks.

A reference is good for about ten minutes after a task's end. The history (TaskManager.CreateCollectorForTasks) is asked
by entity where few are looked for, and by time alone where many are, so that it costs a few calls however many there
are (law 6). What it does not tell either, only looking does.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from app.vsphere.errors import ManagedObjectGone, VCenterFault
from app.vsphere.facts import TaskSnapshot, TaskState
from app.vsphere.faults import classify
from app.vsphere.pyvmomi import VimObject, utc, vim, vmodl
from app.vsphere.session import Session
from app.vsphere.soap import UNREADABLE

log = logging.getLogger(__name__)

_TELLS_NOTHING: tuple[type[Exception], ...] = (ManagedObjectGone, VCenterFault, *UNREADABLE)

_PAGE_TASKS = 200
_MOST_PAGES = 50
"""After so many tasks of the time in question it is given up: then looking tells."""
_BY_ENTITY_AT_MOST = 8
"""So many entities are asked for singly; for more, one collector reads everything of the time in question."""
_SLACK = timedelta(minutes=1)
"""By how much a task may seem older to vCenter than to us."""


@dataclass(frozen=True)
class Forgotten:
    """A task whose reference means nothing to vCenter any more."""

    moref: str
    age_seconds: float
    """How long ago it was begun; an age, for our clock is not vCenter's."""
    entity: str | None = None
    """The virtual machine that it worked on, if it was one."""


def ends_in_history(session: Session, forgotten: Collection[Forgotten]) -> dict[str, TaskSnapshot]:
    """Return how the tasks ended that vCenter's history tells of, by reference; the others are left out.

    Raises `VCenterUnreachable` and its kin. A history that refuses, or cannot be read, tells of nothing.
    """
    found: dict[str, TaskSnapshot] = {}
    for entity, tasks in _asked_for(forgotten):
        wanted = {task.moref for task in tasks}
        age = max(task.age_seconds for task in tasks)
        try:
            found |= session.call(partial(_read, session=session, wanted=wanted, age_seconds=age, entity=entity))
        except _TELLS_NOTHING as error:
            # The entity may be gone, the user may not be allowed to read it, one task of it may be past reading.
            log.info("the history of tasks tells nothing: %s", str(error) or type(error).__name__)
    return found


def _asked_for(forgotten: Collection[Forgotten]) -> Iterator[tuple[str | None, list[Forgotten]]]:
    by_entity: dict[str | None, list[Forgotten]] = {}
    for task in forgotten:
        by_entity.setdefault(task.entity, []).append(task)
    if len(by_entity) > _BY_ENTITY_AT_MOST:
        by_entity = {None: list(forgotten)}
    yield from by_entity.items()


def _read(
    content: VimObject, *, session: Session, wanted: set[str], age_seconds: float, entity: str | None
) -> dict[str, TaskSnapshot]:
    began = session.moref("ServiceInstance", "ServiceInstance").CurrentTime() - timedelta(seconds=age_seconds) - _SLACK
    spec = vim.TaskFilterSpec(
        state=[vim.TaskInfo.State.success, vim.TaskInfo.State.error],
        time=vim.TaskFilterSpec.ByTime(timeType=vim.TaskFilterSpec.TimeOption.queuedTime, beginTime=began),
    )
    if entity is not None:
        machine = session.moref("VirtualMachine", entity)
        spec.entity = vim.TaskFilterSpec.ByEntity(entity=machine, recursion=vim.TaskFilterSpec.RecursionOption.self)
    collector = content.taskManager.CreateCollectorForTasks(filter=spec)
    try:
        collector.RewindCollector()
        found: dict[str, TaskSnapshot] = {}
        for _ in range(_MOST_PAGES):
            page = collector.ReadNextTasks(maxCount=_PAGE_TASKS)
            found |= {it.moref: it for it in _snapshots(page) if it.moref in wanted}
            if not page or len(found) == len(wanted):
                break
        return found
    finally:
        with contextlib.suppress(vmodl.MethodFault):  # it goes with its session
            collector.DestroyCollector()


def _snapshots(page: Iterable[VimObject]) -> Iterator[TaskSnapshot]:
    for info in page:
        yield TaskSnapshot(
            moref=info.task._moId if info.task is not None else info.key,  # noqa: SLF001  # pyVmomi's only way to it
            state=TaskState(str(info.state)),
            progress=info.progress,
            cancelable=bool(info.cancelable),
            cancelled=bool(info.cancelled),
            fault=None if info.error is None else classify(info.error),
            queued_at=utc(info.queueTime),
            started_at=utc(info.startTime),
            completed_at=utc(info.completeTime),
        )
