"""Redis is lost in every way: what is accepted runs to its end all the same, and workers listen again by themselves.

These tests decide which Celery and kombu are used (pyproject.toml): both have lost connections for good before.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
import redis

from app.devstack.valkey import Valkey
from tests.chaos.loss.conftest import Land
from tests.running.waiting import until

pytestmark = pytest.mark.chaos

RUN_SECONDS = 60


def test_workers_that_start_without_it_work_and_listen_when_it_comes(land: Land) -> None:
    with land.bell.refused():
        land.ask(4)
        land.crew.begin(2)
        land.all_succeed_once()
        land.ask(4)
        land.all_succeed_once()
    land.all_listen()


def test_it_goes_and_everything_runs_to_its_end(staffed: Land) -> None:
    """Jobs that run when it goes, and jobs that are accepted afterwards."""
    staffed.ask(4, "slow", "new")
    until(staffed.running, RUN_SECONDS, "relocations run")
    with staffed.bell.refused():
        staffed.ask(4)
        staffed.all_succeed_once()
    staffed.all_listen()


def test_it_is_emptied_again_and_again(staffed: Land) -> None:
    connection = redis.Redis.from_url(staffed.broker.url)
    staffed.ask(6)
    while staffed.over() < len(staffed.jobs):
        connection.flushall()
        if len(staffed.jobs) < 24:
            staffed.ask(1)
    connection.close()
    staffed.all_succeed_once()
    assert staffed.listening() == 2


@pytest.mark.parametrize("lost", [[], ["appendonlydir"]], ids=["with its data", "without its data"])
def test_it_is_started_again(staffed: Land, lost: list[str]) -> None:
    staffed.ask(4)
    staffed.broker.stop()
    staffed.ask(4)
    for name in lost:
        shutil.rmtree(staffed.broker.folder / name)
    staffed.broker.start()
    staffed.all_succeed_once()
    staffed.all_listen()


def test_it_fails_over_to_one_that_knows_nothing(staffed: Land, tmp_path: Path) -> None:
    with Valkey(tmp_path / "successor", password=staffed.broker.password) as successor:
        staffed.ask(4)
        staffed.bell.lead_to(successor.port)
        staffed.ask(4)
        staffed.all_succeed_once()
        staffed.all_listen(successor.port)
        staffed.bell.lead_to(staffed.broker.port)
    staffed.ask(2)
    staffed.all_succeed_once()
    staffed.all_listen()


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_it_is_half_open(staffed: Land, stream: str) -> None:
    """Neither accepting nor working waits for it."""
    with staffed.bell.swallowed(stream):
        began = time.monotonic()
        staffed.ask(6)
        took = time.monotonic() - began
        staffed.all_succeed_once()
    assert took < 15, "six calls, of which one or two wait for the broker"
    staffed.all_listen()
