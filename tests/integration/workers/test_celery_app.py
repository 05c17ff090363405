"""Celery is told to promise nothing: every setting that would lose, double or delay hours of work is off."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
from celery import Celery

from app.jobs.queue import Step

pytestmark = pytest.mark.integration


@pytest.fixture
def celery(installation: None) -> Iterator[Celery]:
    assert installation is None
    made = importlib.import_module("workers.celery_app").make_app()
    yield made
    made.close()


def test_its_tasks_are_the_steps(celery: Celery) -> None:
    celery.loader.import_default_modules()
    own = {name for name in celery.tasks if not name.startswith("celery.")}
    assert own == {step.value for step in Step} == {"vrelocate.submit", "vrelocate.finish", "vrelocate.stop"}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("task_ignore_result", True),
        ("task_acks_late", False),
        ("worker_prefetch_multiplier", 1),
        ("worker_pool", "threads"),
        ("worker_enable_remote_control", False),
        ("worker_send_task_events", False),
        ("worker_cancel_long_running_tasks_on_connection_loss", False),
        ("broker_connection_retry_on_startup", True),
        ("broker_connection_max_retries", None),
        ("result_backend", None),
        ("beat_schedule", {}),
        ("task_time_limit", None),
        ("task_soft_time_limit", None),
    ],
)
def test_a_setting_has_its_reason(celery: Celery, setting: str, value: object) -> None:
    assert celery.conf[setting] == value


def test_a_half_open_connection_hangs_nobody_for_long(celery: Celery) -> None:
    options = celery.conf.broker_transport_options
    assert options["socket_timeout"] <= 10
    assert options["socket_connect_timeout"] <= 10
    assert options["socket_keepalive"]
