"""The sweep's own hands: a few threads that do steps without having been rung for.

They need PostgreSQL and vCenter, not the broker: with it away, or with every worker deaf to it, jobs move all the same.
A step that somebody else does too finds nothing to claim, so nothing is done twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from app.errors import ResourceUnavailable
from app.jobs.queue import Step
from app.telemetry import logger

log = logger(__name__)


class Hands:
    """So many steps at once, and no queue: what there is no hand for is given back."""

    def __init__(self, most: int, do: Callable[[Step, UUID], None]) -> None:
        """Prepare; `do` is what a hand does."""
        self._most = most
        self._do = do
        self._busy: list[threading.Thread] = []

    def take(self, step: Step, job_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Begin with the first of the jobs, as many as there are free hands; return the others. One thread asks."""
        self._busy = [thread for thread in self._busy if thread.is_alive()]
        free = self._most - len(self._busy)
        for job_id in job_ids[:free]:
            thread = threading.Thread(target=self._work, args=(step, job_id), name=f"hand-{job_id}", daemon=True)
            self._busy.append(thread)
            thread.start()
        return job_ids[free:]

    def join(self, seconds: float) -> None:
        """Wait until every hand is free, or for `seconds`."""
        deadline = time.monotonic() + seconds
        for thread in self._busy:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self, step: Step, job_id: UUID) -> None:
        try:
            self._do(step, job_id)
        except ResourceUnavailable as away:
            log.warning("hand.waits", step=step.value, job_id=str(job_id), why=str(away))
        except Exception:
            log.exception("hand.failed", step=step.value, job_id=str(job_id))
