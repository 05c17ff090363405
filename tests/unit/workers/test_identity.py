"""The name under which a worker holds leases."""

from __future__ import annotations

import os

import pytest

from workers.identity import worker_name

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _unnamed() -> None:
    worker_name.cache_clear()


def test_a_worker_keeps_its_name() -> None:
    assert worker_name() == worker_name()
    assert f":{os.getpid()}:" in worker_name()


def test_a_process_that_gets_the_same_pid_gets_another_name() -> None:
    first = worker_name()
    worker_name.cache_clear()
    assert worker_name() != first


def test_the_operator_may_choose_how_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VRELOCATE_WORKER_NAME", "left")
    assert worker_name().startswith("left@")
    worker_name.cache_clear()
