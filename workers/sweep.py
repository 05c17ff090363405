"""The sweep: every few seconds each worker looks for what was forgotten, and rings again (law 1)."""

from __future__ import annotations

import threading

from app.jobs.sweeping import ring_forgotten, stop_what_is_to_stop
from app.migration.admission import free_strays, sweep_lines
from app.settings import settings
from app.telemetry import logger
from workers.identity import worker_name
from workers.resident import Resident, ResidentStep

log = logger(__name__)


class SweepStep(ResidentStep):
    """Each worker sweeps; any number at once is safe."""

    def make(self) -> Resident:
        """Return the sweeper."""
        return Resident("sweep", settings().sweep_interval_seconds, _sweep)


def _sweep(_over: threading.Event) -> None:
    rung = ring_forgotten()
    if rung:
        log.info("sweep.rang", jobs=rung)
    free_strays()
    hurried = sweep_lines()
    if hurried:
        log.info("sweep.hurried", jobs=hurried)
    stopped = stop_what_is_to_stop(worker_name())
    if stopped:
        log.info("sweep.stops", jobs=stopped)
