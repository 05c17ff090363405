"""Workers are exchanged one after the other in the midst of a hundred relocations: none is lost, none is doubled."""

from __future__ import annotations

import threading
import time

import pytest

from tests.chaos.loss.conftest import Land
from tests.running.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]

RELOCATIONS = 100
DRAIN_SECONDS = 20
"""A generous bound; what it takes is printed."""
RUN_SECONDS = 60


def test_workers_are_exchanged_while_a_hundred_relocations_run(land: Land) -> None:
    """Half of them are asked for before, the others while workers go and come."""
    crew, took = land.crew, []
    crew.start(2)
    land.ask(RELOCATIONS // 2, "many", "new")
    asking = threading.Thread(target=land.ask, args=(RELOCATIONS - RELOCATIONS // 2, "many", "new"))
    asking.start()
    for leaving in crew.alive:
        done = land.over()
        until(lambda: land.running() and land.over() > done, RUN_SECONDS, "they are in the midst of it")  # noqa: B023
        began = time.monotonic()
        crew.begin(1)
        leaving.ask_to_stop()
        assert leaving.wait(DRAIN_SECONDS), "it drains in seconds"
        took.append(time.monotonic() - began)
        assert leaving.end() == "exited with status 0", leaving.last_words()
    assert land.over() < RELOCATIONS, "it was in the midst of them"
    asking.join()
    assert len(land.jobs) == RELOCATIONS
    land.all_succeed_once(120)
    print(f"drained in {', '.join(f'{seconds:.1f}' for seconds in took)} s")  # noqa: T201  # for whoever asks with -s
