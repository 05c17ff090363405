"""Forgetting: once a minute each worker looks for jobs that were over long ago."""

from __future__ import annotations

import threading

from app.migration.forgetting import forget_old_jobs
from app.telemetry import logger
from workers.resident import Resident, ResidentStep

log = logger(__name__)

_LOOK_SECONDS = 60.0


class ForgetStep(ResidentStep):
    """Each worker forgets; any number at once is safe."""

    def make(self) -> Resident:
        """Return what forgets."""
        return Resident("forget", _LOOK_SECONDS, _forget)


def _forget(over: threading.Event) -> None:
    forgotten = forget_old_jobs(over.is_set)
    if forgotten:
        log.info("jobs.forgotten", jobs=forgotten)
