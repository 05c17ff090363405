"""The watcher of a vCenter: one long poll for all of its tasks, whoever submitted them (law 6).

Each worker looks for vCenters in which something runs that nobody follows, and takes the watch over it by lease. A
worker that dies lets its watch lapse, and another takes it over within seconds. A task that ends is settled, and its
job's finish step is rung for, at once; progress is written in batches.
"""

from __future__ import annotations

import threading
import time
from uuid import UUID

from app.errors import LostLease, ResourceUnavailable
from app.inventory.vcenters import session_to
from app.jobs import watching
from app.jobs.watching import Watch
from app.settings import settings
from app.telemetry import logger
from workers.following import FRESH_SECONDS, Following
from workers.identity import worker_name
from workers.pace import Pace
from workers.resident import Resident, ResidentStep

log = logger(__name__)

_LOOK_SECONDS = 0.5
"""How often a worker looks for what nobody follows."""
_POLLS_PER_SECOND = 10.0
"""However much ends, vCenter is polled so often at the most, in the long run."""
_POLLS_AT_ONCE = 5
"""Polls without a rest between them: an end that follows another one closely is heard of at once, too."""
_UNREACHABLE_SECONDS = 3.0
_JOIN_SECONDS = 5.0


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
        following = Following(self._watch, session_to(self._watch.system_id))
        beside = Resident(f"{self.name}-beside", FRESH_SECONDS, following.attend)
        try:
            self._poll(following, beside, over)
            watching.drop_watch(self._watch)
            self.ask_to_stop()
        except LostLease as lost:
            log.warning("watch.lost", vcenter_id=str(self._watch.system_id), why=str(lost))
            self.ask_to_stop()
        finally:
            beside.ask_to_stop()
            beside.join(_JOIN_SECONDS)
            following.close()

    def _poll(self, following: Following, beside: Resident, over: threading.Event) -> None:
        runs, looked, renewed_at = True, False, -settings().watch_lease_seconds
        pace = Pace(_POLLS_PER_SECOND, _POLLS_AT_ONCE)
        while runs and not over.wait(pace.rest_seconds(time.monotonic())):
            began = time.monotonic()
            if began - renewed_at >= settings().watch_lease_seconds / 5:
                watching.renew_watch(self._watch)
                renewed_at = began
            try:
                if looked:
                    runs = following.wait(settings().watch_wait_seconds)
                else:
                    runs = looked = following.look()
                    if runs:
                        beside.start()
            except ResourceUnavailable as away:
                log.warning("watch.waits", vcenter_id=str(self._watch.system_id), why=str(away))
                over.wait(_UNREACHABLE_SECONDS)
