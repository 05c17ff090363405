"""The bell: a message with a job's id that wakes a worker (law 1).

A message may be lost, doubled or late; the row in PostgreSQL is the queue and the sweep rings again. So nothing here
raises, and nothing here waits long for a broker that is away.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from celery import Celery

from app.settings import settings
from app.telemetry import logger

log = logger(__name__)

QUEUE = "vrelocate"


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
        "health_check_interval": 10,
        "retry_on_timeout": False,
    }


@cache
def _bell() -> Celery:
    """Return the Celery application that only publishes."""
    app = Celery("vrelocate.bell", broker=settings().redis_url.get_secret_value(), set_as_current=False)
    app.conf.update(
        # Kombu would try a refused connection for six seconds, on a request's time; the sweep rings again anyway.
        broker_transport_options=transport_options()
        | {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2},
        broker_connection_retry=False,
        task_ignore_result=True,
        task_default_queue=QUEUE,
    )
    return app


def ring(step: Step, job_ids: Iterable[UUID]) -> None:
    """Wake a worker for each job. Call it after the commit that made the jobs due, never before."""
    for job_id in job_ids:
        try:
            _bell().send_task(step.value, args=[str(job_id)], queue=QUEUE, retry=False, ignore_result=True)
        except Exception as error:  # noqa: BLE001  # whatever the broker's client raises: the sweep will ring again
            log.warning("bell.not_heard", step=step.value, job_id=str(job_id), error=type(error).__name__)
            return
