"""The watcher of a vCenter: one long poll for all of its tasks, whoever submitted them (law 6).

Each worker looks for vCenters in which something runs that nobody follows, and takes the watch over it by lease. A
worker that dies lets its watch lapse, and another takes it over within seconds. Progress is written in batches; a task
that ends is settled, and its job's finish step is rung for.
"""

from __future__ import annotations

import threading
from uuid import UUID

from app.errors import LostLease, ResourceUnavailable
from app.inventory.vcenters import session_to
from app.jobs import watching
from app.jobs.outside import Ending
from app.jobs.queue import Step, ring
from app.jobs.states import TaskState
from app.jobs.watching import Followed, Watch
from app.settings import settings
from app.telemetry import logger
from app.vsphere import facts
from app.vsphere.tasks import TaskWatch
from workers.identity import worker_name
from workers.resident import Resident, ResidentStep

log = logger(__name__)

_LOOK_SECONDS = 1.0
"""How often a worker looks for what nobody follows."""
_REST_SECONDS = 0.5
"""Least time between two polls: with hundreds of tasks, updates come in batches instead of one write each."""
_UNREACHABLE_SECONDS = 3.0

_STATES = {
    facts.TaskState.QUEUED: TaskState.QUEUED,
    facts.TaskState.RUNNING: TaskState.RUNNING,
    facts.TaskState.SUCCESS: TaskState.SUCCESS,
    facts.TaskState.ERROR: TaskState.ERROR,
    facts.TaskState.GONE: TaskState.VANISHED,
}


class WatchStep(ResidentStep):
    """Each worker stands ready to watch any vCenter."""

    def make(self) -> Resident:
        """Return what looks for unwatched vCenters."""
        self._watchers: dict[UUID, Resident] = {}
        return Resident("watch", _LOOK_SECONDS, self._look)

    def _look(self, _over: threading.Event) -> None:
        self._watchers = {system: it for system, it in self._watchers.items() if it.alive}
        for system_id in watching.unwatched_systems():
            if system_id in self._watchers:
                continue
            watch = watching.take_watch(system_id, worker_name())
            if watch is not None:
                log.info("watch.taken", vcenter_id=str(system_id))
                watcher = Watcher(watch)
                self._watchers[system_id] = watcher
                watcher.start()

    def stop(self, worker: object) -> None:
        """Give every watch back, so that another worker takes it at once."""
        super().stop(worker)
        for watcher in self._watchers.values():
            watcher.ask_to_stop()
        for watcher in self._watchers.values():
            watcher.join(settings().watch_wait_seconds + 3)


class Watcher(Resident):
    """Follows everything that runs in one vCenter, for as long as something does."""

    def __init__(self, watch: Watch) -> None:
        """Prepare to follow what runs in the system of `watch`."""
        super().__init__(f"watch-{watch.system_id}", _UNREACHABLE_SECONDS, self._follow)
        self._watch = watch

    def _follow(self, over: threading.Event) -> None:
        """Poll until nothing runs any more, the watch is lost, or the worker stops."""
        tasks = TaskWatch(session_to(self._watch.system_id))
        known: dict[str, Followed] = {}
        try:
            while not over.is_set():
                watching.renew_watch(self._watch)
                try:
                    if not self._poll(tasks, known):
                        break
                except ResourceUnavailable as away:
                    log.warning("watch.waits", vcenter_id=str(self._watch.system_id), why=str(away))
                    over.wait(_UNREACHABLE_SECONDS)
                over.wait(_REST_SECONDS)
            watching.drop_watch(self._watch)
            self.ask_to_stop()
        except LostLease as lost:
            log.warning("watch.lost", vcenter_id=str(self._watch.system_id), why=str(lost))
            self.ask_to_stop()
        finally:
            tasks.close()

    def _poll(self, tasks: TaskWatch, known: dict[str, Followed]) -> bool:
        """Take in what is new, wait for what changes, write it down; `False` when nothing runs any more."""
        followed = {it.reference: it for it in watching.followed_tasks(self._watch.system_id)}
        tasks.unwatch(known.keys() - followed.keys())
        # Tasks that the watch has already are left alone by it; those it lost are taken in again.
        gone = tasks.watch(followed)
        known.clear()
        known.update(followed)
        if not followed:
            return False
        snapshots = [facts.TaskSnapshot(moref, facts.TaskState.GONE) for moref in gone]
        if not gone:
            snapshots = tasks.wait(settings().watch_wait_seconds)
        self._write([it for it in snapshots if it.moref in followed], followed)
        return True

    def _write(self, snapshots: list[facts.TaskSnapshot], followed: dict[str, Followed]) -> None:
        watching.save_progress(
            self._watch,
            {
                followed[it.moref].task_id: (_STATES[it.state], min(max(it.progress or 0, 0), 100))
                for it in snapshots
                if not it.ended
            },
        )
        endings = [(followed[it.moref], _ending(it)) for it in snapshots if it.ended]
        if endings:
            ring(Step.FINISH, watching.save_endings(self._watch, endings))


def _ending(snapshot: facts.TaskSnapshot) -> Ending:
    fault = snapshot.fault
    return Ending(
        state=_STATES[snapshot.state],
        fault=fault.name if fault else None,
        fault_class=fault.classification.value if fault else None,
        message=fault.message if fault else None,
    )
