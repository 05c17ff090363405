"""What `bench.acceptance` measures beside vrelocate: jobs deferred by Procrastinate, tasks sent by Celery.

    python -m bench.deferring procrastinate|celery PORT

serves a minimal FastAPI application that defers one job a request, by the same uvicorn, with as many threads as
vrelocate's. It checks no signature, knows no volume, and lets the same volume be asked for twice.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from celery import Celery
from fastapi import FastAPI
from procrastinate import App, SyncPsycopgConnector

from app.api.turns import CALLS_AT_ONCE
from app.db import driver_url

DATABASE, BROKER = "BENCH_DATABASE_URL", "BENCH_BROKER_URL"

Defer = Callable[[str, str], str]
"""Has a volume moved to a pool some time; returns the job's id."""


def procrastinate() -> Defer:
    """Return what defers by Procrastinate: one transaction that inserts a job and notifies."""
    connector = SyncPsycopgConnector(conninfo=os.environ[DATABASE], min_size=CALLS_AT_ONCE // 2, max_size=20)
    queue = App(connector=connector)
    queue.open()

    @queue.task(name="migrate", queue="bench")
    def migrate(volume: str, pool: str) -> None:
        """Never run here."""

    return lambda volume, pool: str(migrate.defer(volume=volume, pool=pool))


def prepare_procrastinate() -> None:
    """Make its schema."""
    queue = App(connector=SyncPsycopgConnector(conninfo=os.environ[DATABASE]))
    with queue.open():
        queue.schema_manager.apply_schema()


def celery() -> Defer:
    """Return what sends by Celery: a message to the broker. Its result backend writes when a task begins or ends."""
    app = Celery("bench", broker=os.environ[BROKER], backend=f"db+{driver_url(os.environ[DATABASE])}")

    @app.task(name="migrate")  # type: ignore[untyped-decorator]  # Celery has no types
    def migrate(volume: str, pool: str) -> None:
        """Never run here."""

    return lambda volume, pool: str(migrate.apply_async((volume, pool), task_id=str(uuid4())).id)


PEERS = {"procrastinate": procrastinate, "celery": celery}


def application(defer: Defer) -> FastAPI:
    """Return the application: `/defer?volume=…&pool=…`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = CALLS_AT_ONCE
        yield

    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @api.get("/defer")
    def deferred(volume: str, pool: str) -> dict[str, str]:
        return {"jobid": defer(volume, pool)}

    return api


if __name__ == "__main__":
    uvicorn.run(
        application(PEERS[sys.argv[1]]()), host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_config=None
    )
