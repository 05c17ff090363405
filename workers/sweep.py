"""The sweep: every few seconds each worker looks for what was forgotten, does it, and rings for the rest (law 1)."""

from __future__ import annotations

import threading

from app.jobs.sweeping import ring_forgotten, stop_what_is_to_stop
from app.migration.admission import free_strays, sweep_lines
from app.settings import settings
from app.telemetry import logger
from workers.hands import Hands
from workers.identity import worker_name
from workers.resident import Resident, ResidentStep
from workers.steps import do

log = logger(__name__)

_HANDS = 4
"""Steps that a sweep does itself at once; more than a vCenter's slots need while the broker is away."""
_STOP_SECONDS = 10.0


class SweepStep(ResidentStep):
    """Each worker sweeps; any number at once is safe."""

    def make(self) -> Resident:
        """Return the sweeper."""
        self._hands = Hands(_HANDS, do)
        return Resident("sweep", settings().sweep_interval_seconds, self._sweep)

    def stop(self, worker: object) -> None:
        """Let the hands finish what they are at: steps last seconds."""
        super().stop(worker)
        self._hands.join(_STOP_SECONDS)

    def _sweep(self, _over: threading.Event) -> None:
        found = ring_forgotten(self._hands.take)
        if found:
            log.info("sweep.rang", jobs=found)
        free_strays()
        hurried = sweep_lines()
        if hurried:
            log.info("sweep.hurried", jobs=hurried)
        stopped = stop_what_is_to_stop(worker_name(), self._hands.take)
        if stopped:
            log.info("sweep.stops", jobs=stopped)
