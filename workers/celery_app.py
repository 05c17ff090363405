"""The Celery application and its settings, each with its reason.

Redis only wakes a worker up; the job's row in PostgreSQL is the queue (law 1). So nothing here relies on
acknowledgements, visibility timeouts, results, countdowns, priorities or a beat: each of them loses, doubles or delays
work that lasts for hours. The facts behind it: docs/adr/0002.
"""

from __future__ import annotations

from celery import Celery

from app.jobs.queue import QUEUE, Resultless, transport_options
from app.settings import settings


def make_app() -> Celery:
    """Return the worker's application with its tasks and its residents."""
    app = Resultless("vrelocate", broker=settings().redis_url.get_secret_value())
    app.conf.update(
        imports=("workers.migrate",),
        task_default_queue=QUEUE,
        # Results live in the job's row; a result backend would be a second truth.
        task_ignore_result=True,
        # A message is acknowledged as soon as it is taken: a lost one is found by the sweep, a doubled one finds
        # nothing to claim. Late acknowledgement would only bring steps back that somebody else has taken over.
        task_acks_late=False,
        # Short steps, one at a time a thread: a job never waits behind a step of another worker's backlog.
        worker_prefetch_multiplier=1,
        # Threads: steps wait for vCenter and PostgreSQL, and share one session a vCenter.
        worker_pool="threads",
        worker_concurrency=settings().worker_concurrency,
        broker_transport_options=transport_options(),
        # A broker that is away is waited for as long as it takes; the sweep and the watcher go on meanwhile.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # Steps are re-entrant: let the ones that run when the broker goes away finish.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # Nobody listens to events or remote control: no extra traffic, no extra queues.
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        # Our own logging is set up before Celery starts.
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


celery = make_app()
