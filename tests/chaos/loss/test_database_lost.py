"""PostgreSQL is lost to workers in every way: by vCenter's ledger nothing is lost and nothing is doubled."""

from __future__ import annotations

import os
import random
import signal
import threading

import pytest

from app.db import ANSWER_SECONDS
from tests.chaos.loss.conftest import Land
from tests.running.waiting import until

pytestmark = pytest.mark.chaos

SEED = 20
RUN_SECONDS = 60


def test_connections_are_cut_at_any_moment(staffed: Land) -> None:
    """In the midst of transactions: every few hundred milliseconds all of them, for as long as jobs run."""
    moments, never = random.Random(SEED), threading.Event()  # noqa: S311  # no secrets
    cuts = 0
    staffed.ask(12)
    while staffed.over() < len(staffed.jobs) and cuts < 20:
        staffed.database.cut()
        cuts += 1
        never.wait(moments.uniform(0.05, 0.6))
    assert cuts >= 5, "jobs were at work"
    staffed.all_succeed_once()


def test_connections_are_cut_in_the_midst_of_an_answer(staffed: Land) -> None:
    """Each connection lets some thousands of bytes through, and not one more: enough for any one transaction."""
    sizes = random.Random(SEED)  # noqa: S311  # no secrets
    staffed.ask(12)
    for wanted in range(staffed.over() + 1, staffed.over() + 7):
        with staffed.database.cut_after(sizes.randrange(16_000, 60_000)):
            until(lambda: staffed.over() >= wanted, RUN_SECONDS, "one more is done")  # noqa: B023  # done at once
    staffed.all_succeed_once()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["fast shutdown", "killed"])
def test_it_is_started_again(staffed: Land, number: signal.Signals) -> None:
    """With relocations running, and some that nobody has begun with."""
    staffed.ask(4, "slow", "new")
    until(staffed.running, RUN_SECONDS, "relocations run")
    staffed.ask(4)
    os.kill(staffed.postgres.process.pid, number)
    staffed.postgres.process.wait(RUN_SECONDS)
    staffed.postgres.start()
    staffed.all_succeed_once()


def test_it_is_half_open_for_longer_than_anybody_waits(staffed: Land) -> None:
    staffed.ask(4, "slow", "new")
    until(staffed.running, RUN_SECONDS, "relocations run")
    with staffed.database.swallowed("downstream"):
        staffed.ask(4)
        threading.Event().wait(ANSWER_SECONDS + 2)
    staffed.all_succeed_once()
