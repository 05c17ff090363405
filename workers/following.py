"""What a watcher follows in one vCenter: what runs there, what is new, what has ended, how far the rest is.

Two threads share it. One waits for vCenter, and an end that it hears of is settled and rung for at once. The other one
looks after everything that an end must not wait for: what was submitted meanwhile, and progress.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from uuid import UUID

from app.errors import ResourceUnavailable
from app.jobs import watching
from app.jobs.outside import Ending
from app.jobs.queue import Step, ring
from app.jobs.states import TaskState
from app.jobs.watching import Followed, Watch
from app.vsphere import facts
from app.vsphere.facts import TaskSnapshot
from app.vsphere.session import Session
from app.vsphere.task_history import Forgotten, ends_in_history
from app.vsphere.tasks import TaskWatch

FRESH_SECONDS = 0.2
"""How often it is looked for what was submitted meanwhile: one query for what is new, and one call if there is any."""
_FRESH_WITHIN_SECONDS = 10.0
"""What was submitted so lately is new, or known already; what becomes visible later than that, the next look finds."""
_LOOK_SECONDS = 2.0
"""How often everything that runs is looked at, and what is over is let go."""
_PROGRESS_SECONDS = 0.5
"""Least time between two reports of progress."""
_PROGRESS_SHARE = 0.1
"""Reports of progress take this share of the time at the most: the more tasks, the rarer."""
_BATCH = 100
"""Tasks whose progress is written at once: their rows are locked meanwhile, and an end among them waits."""
_UNREACHABLE_SECONDS = 3.0

_STATES = {
    facts.TaskState.QUEUED: TaskState.QUEUED,
    facts.TaskState.RUNNING: TaskState.RUNNING,
    facts.TaskState.SUCCESS: TaskState.SUCCESS,
    facts.TaskState.ERROR: TaskState.ERROR,
    facts.TaskState.GONE: TaskState.VANISHED,
}


class Following:
    """The tasks of one vCenter that are under way, and the watch that vCenter keeps of them for us."""

    def __init__(self, watch: Watch, session: Session) -> None:
        """Prepare to follow what runs in the system of `watch`; nothing is asked yet."""
        self._watch = watch
        self._session = session
        self._tasks = TaskWatch(session)
        self._followed: dict[str, Followed] = {}
        self._told: dict[UUID, tuple[TaskState, int]] = {}
        """What is to be written of progress, by the outside task's id."""
        self._settled: set[str] = set()
        """Of those that are followed, the ones that are over."""
        self._looking = threading.Lock()
        self._writing = threading.Lock()
        self._next_look = self._next_progress = 0.0

    def look(self) -> bool:
        """Take in everything that runs, and let go of what is over; `False` when nothing runs."""
        with self._looking:
            found = {it.reference: it for it in watching.followed_tasks(self._watch.system_id)}
            over = self._followed.keys() - found.keys()
            self._followed = found
            self._settled &= found.keys()
            self._next_look = time.monotonic() + _LOOK_SECONDS
            self._tasks.unwatch(over)
            # Those that the watch has already are left alone by it; those that it lost are taken in again.
            self._take_in(found)
            return self._runs()

    def wait(self, seconds: float) -> bool:
        """Wait until something begins or ends, settle what has ended, and ring for it; `False` when nothing runs."""
        if self._runs():
            changed = self._tasks.wait(seconds)
            followed = self._followed
            with self._writing:
                self._told |= {
                    followed[it.moref].task_id: _progress(it) for it in changed if not it.ended and it.moref in followed
                }
            self._settle(it for it in changed if it.ended)
        return self._runs() or self.look()

    def attend(self, over: threading.Event) -> None:
        """Take in what is new, and write progress if it is time for that. For the other thread, again and again."""
        try:
            if time.monotonic() >= self._next_look:
                self.look()
            else:
                self._take_in_fresh()
            if time.monotonic() >= self._next_progress:
                self._report_progress()
        except ResourceUnavailable:
            # Whoever waits for vCenter says so.
            over.wait(_UNREACHABLE_SECONDS)

    def close(self) -> None:
        """Give back what vCenter holds for this. The tasks run on."""
        self._tasks.close()

    def _runs(self) -> bool:
        return bool(self._followed.keys() - self._settled)

    def _take_in_fresh(self) -> None:
        with self._looking:
            lately = watching.fresh_tasks(self._watch.system_id, _FRESH_WITHIN_SECONDS)
            fresh = {it.reference: it for it in lately if it.reference not in self._followed}
            if fresh:
                self._followed = self._followed | fresh
                self._take_in(fresh)

    def _take_in(self, fresh: Mapping[str, Followed]) -> None:
        gone = self._tasks.watch(fresh)
        self._settle(TaskSnapshot(moref, facts.TaskState.GONE) for moref in gone)

    def _report_progress(self) -> None:
        began = time.monotonic()
        followed = self._followed
        told = {followed[it.moref].task_id: _progress(it) for it in self._tasks.progress() if it.moref in followed}
        with self._writing:
            told, self._told = self._told | told, {}
        ids = list(told)
        for batch in (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)):
            with self._writing:
                watching.save_progress(self._watch, {task_id: told[task_id] for task_id in batch})
        now = time.monotonic()
        self._next_progress = now + max(_PROGRESS_SECONDS, (now - began) / _PROGRESS_SHARE)

    def _settle(self, ended: Iterable[TaskSnapshot]) -> None:
        """Write down how tasks ended; the history tells it of those that vCenter has forgotten, as far as it can."""
        followed = self._followed
        endings = [it for it in ended if it.moref in followed]
        if not endings:
            return
        gone = [followed[it.moref] for it in endings if it.state is facts.TaskState.GONE]
        known = (
            ends_in_history(self._session, [Forgotten(it.reference, it.age_seconds, it.entity) for it in gone])
            if gone
            else {}
        )
        written = [(followed[it.moref], _ending(known.get(it.moref, it))) for it in endings]
        with self._writing:
            jobs = watching.save_endings(self._watch, written)
        self._settled |= {it.moref for it in endings}
        ring(Step.FINISH, jobs)


def _progress(snapshot: TaskSnapshot) -> tuple[TaskState, int]:
    return _STATES[snapshot.state], min(max(snapshot.progress or 0, 0), 100)


def _ending(snapshot: TaskSnapshot) -> Ending:
    fault = snapshot.fault
    return Ending(
        state=_STATES[snapshot.state],
        fault=fault.name if fault else None,
        fault_class=fault.classification.value if fault else None,
        message=fault.message if fault else None,
    )
