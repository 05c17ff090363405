"""The bell: a message with a job's id that wakes a worker (law 1).

A message may be lost, doubled or late; the row in PostgreSQL is the queue, and the sweep finds what was not heard. So
nothing here raises, and nothing here waits long for a broker that is away.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from celery import Celery
from celery.backends.base import DisabledBackend

from app.db import transaction
from app.errors import VrelocateError
from app.jobs import queries
from app.settings import settings
from app.telemetry import logger

log = logger(__name__)

QUEUE = "vrelocate"

_PATIENCE_SECONDS = 1
"""How long a broker may take to answer a publisher: a request of the API waits for it, and it is a courtesy."""
_PAUSE_SECONDS = 5
"""How long a broker that has failed is not tried."""


class Step(StrEnum):
    """What a worker is woken for; the values are the Celery tasks' names."""

    SUBMIT = "vrelocate.submit"
    FINISH = "vrelocate.finish"
    STOP = "vrelocate.stop"


def transport_options() -> dict[str, Any]:
    """Return the options of every connection to the broker: a half-open one must not hang anybody for long."""
    return {
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        # A worker that waits for messages on a half-open connection drops it after two of these (kombu >= 5.7).
        "health_check_interval": 5,
        "retry_on_timeout": False,
    }


class Resultless(Celery):  # type: ignore[misc]  # Celery has no types
    """Celery without results, which live in the job's row.

    Left to itself Celery looks through every installed package for a result backend, in each thread anew, to find that
    none is wanted: a twentieth of a second of CPU before a thread's first message.
    """

    def _get_backend(self) -> DisabledBackend:
        return DisabledBackend(app=self)


class _Bell:
    """What publishes. After a failure it is not tried for a while: each try may take seconds."""

    def __init__(self) -> None:
        broker = settings().redis_url.get_secret_value()
        self._celery = Resultless("vrelocate.bell", broker=broker, set_as_current=False)
        self._celery.conf.update(
            # Kombu would try a refused connection for six seconds, on a request's time; the sweep finds the job anyway.
            broker_transport_options=transport_options()
            | {"socket_timeout": _PATIENCE_SECONDS, "socket_connect_timeout": _PATIENCE_SECONDS}
            | {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2},
            broker_connection_retry=False,
            task_ignore_result=True,
            task_default_queue=QUEUE,
        )
        self._not_before = 0.0

    def ring(self, step: Step, job_id: UUID) -> bool:
        """Publish one message; `False` when the broker has not taken it."""
        if time.monotonic() < self._not_before:
            return False
        try:
            self._celery.send_task(step.value, args=[str(job_id)], queue=QUEUE, retry=False, ignore_result=True)
        except Exception as error:  # noqa: BLE001  # whatever the broker's client raises
            self._not_before = time.monotonic() + _PAUSE_SECONDS
            log.warning("bell.not_heard", step=step.value, job_id=str(job_id), error=type(error).__name__)
            return False
        return True

    def close(self) -> None:
        self._celery.close()


@cache
def _bell() -> _Bell:
    """Return this process's bell."""
    return _Bell()


def ring(step: Step, job_ids: Iterable[UUID]) -> None:
    """Wake a worker for each job. Call it after the commit that made the jobs due, never before.

    Those of whom the broker does not hear count as not rung for: the next sweep of any worker finds them.
    """
    unheard = [job_id for job_id in job_ids if not _bell().ring(step, job_id)]
    if unheard:
        _leave_to_the_sweep(unheard)


def _leave_to_the_sweep(job_ids: list[UUID]) -> None:
    try:
        with transaction() as session:
            session.execute(queries.UNRING, {"job_ids": job_ids})
    except VrelocateError as away:
        # Then they are found when they have been quiet for long enough.
        log.warning("bell.not_heard", jobs=len(job_ids), why=str(away))
