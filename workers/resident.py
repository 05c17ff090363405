"""Residents: what lives as long as a worker does, in threads of their own beside Celery's.

They depend on PostgreSQL and vCenter, never on the broker: when Redis is away they go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from celery import bootsteps

from app.errors import ResourceUnavailable
from app.telemetry import logger

log = logger(__name__)


class Resident:
    """A thread that does one thing again and again until it is told to stop.

    An error ends one round, never the thread: what went wrong is logged, and the next round tries again.
    """

    def __init__(self, name: str, every_seconds: float, round_: Callable[[threading.Event], None]) -> None:
        """Prepare a thread that calls `round_` and then rests for `every_seconds`."""
        self.name = name
        self._every_seconds = every_seconds
        self._round = round_
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the present round be the last."""
        self._over.set()

    def join(self, seconds: float) -> None:
        """Wait until it has stopped, or for `seconds`."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    @property
    def alive(self) -> bool:
        """Say whether it is still at it."""
        return self._thread.is_alive()

    def _live(self) -> None:
        while not self._over.is_set():
            try:
                self._round(self._over)
            except ResourceUnavailable as away:
                log.warning("resident.waits", resident=self.name, why=str(away))
            except Exception:
                log.exception("resident.round_failed", resident=self.name)
            self._over.wait(self._every_seconds)


class ResidentStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Ties a resident to the worker: started with its pool, stopped before it."""

    requires = frozenset({"celery.worker.components:Pool"})
    make: Callable[[], Resident]
    """Returns the resident; each step defines its own."""

    def __init__(self, worker: Any, **options: Any) -> None:  # noqa: ANN401  # Celery's own signature
        """Take the worker's options, as Celery gives them to every step."""
        super().__init__(worker, **options)
        self._resident = self.make()

    def start(self, worker: Any) -> None:  # noqa: ANN401, ARG002  # Celery's own signature
        """Start the resident with the worker."""
        self._resident.start()

    def stop(self, worker: Any) -> None:  # noqa: ANN401, ARG002  # Celery's own signature
        """Stop the resident: its round is short, or listens for the end."""
        self._resident.ask_to_stop()
        self._resident.join(10)

    def terminate(self, worker: Any) -> None:  # noqa: ANN401  # Celery's own signature
        """Stop in a cold shutdown too."""
        self.stop(worker)
