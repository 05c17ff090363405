"""`vrelocate worker`: one worker process, Celery's tasks and the residents in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery.concurrency import get_implementation
from celery.signals import worker_ready
from celery.utils.nodenames import default_nodename, host_format

from app.db import engine
from app.settings import settings
from app.telemetry import logger, set_up_logging
from workers.carry import CarryStep
from workers.celery_app import celery
from workers.forget import ForgetStep
from workers.identity import worker_name
from workers.sweep import SweepStep
from workers.sync import SyncStep
from workers.watch import WatchStep

log = logger(__name__)


def run_worker(*, name: str | None = None, concurrency: int | None = None) -> int:
    """Work until SIGTERM; returns the exit status. SIGTERM drains: running steps end, none lasts long."""
    if name:
        os.environ["VRELOCATE_WORKER_NAME"] = name
    set_up_logging(settings())
    engine()  # now, while there is one thread: several that come first together would make one each
    celery.steps["worker"].update({CarryStep, ForgetStep, SweepStep, SyncStep, WatchStep})
    # Not by way of Celery's own command line, which imports all of its commands and a terminal's toolkit.
    working = celery.Worker(
        hostname=host_format(default_nodename(worker_name())),
        pool_cls=get_implementation("threads"),
        concurrency=concurrency,
        loglevel=settings().log_level,
        quiet=True,  # no banner: what matters is in the log
        # Workers say nothing to each other: everything they share is in PostgreSQL.
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    working.start()
    return int(working.exitcode or 0)


@worker_ready.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _say_ready(**_details: Any) -> None:  # noqa: ANN401  # Celery's own signature
    """Tell whoever started this worker that it takes messages: the file named by the environment appears."""
    log.info("worker.ready", worker=worker_name())
    ready_file = os.environ.get("VRELOCATE_WORKER_READY_FILE")
    if ready_file:
        Path(ready_file).touch(mode=0o600)
