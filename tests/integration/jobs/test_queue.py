"""The bell is a courtesy: when the broker is away nobody raises, nobody waits long, and nothing is lost."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID, uuid4

import pytest

from app.jobs.queue import Step, ring
from app.jobs.sweeping import ring_forgotten
from tests.integration.jobs import rows

pytestmark = pytest.mark.integration

PATIENCE_SECONDS = 5
"""A request of the API waits for the bell."""


@pytest.fixture(params=["nobody listens", "nobody answers"])
def broker_away(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a broker that is down, or of a machine that takes connections and is silent."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        if request.param == "nobody answers":
            reserved.listen()
        yield f"redis://:secret@127.0.0.1:{reserved.getsockname()[1]}/0"


class TestAway:
    """The broker is away."""

    @pytest.fixture
    def environment(self, environment: dict[str, str], broker_away: str) -> dict[str, str]:
        return {**environment, "VRELOCATE_REDIS_URL": broker_away}

    def test_ringing_neither_raises_nor_takes_long(self) -> None:
        began = time.monotonic()
        ring(Step.SUBMIT, [uuid4() for _ in range(50)])
        assert time.monotonic() - began < PATIENCE_SECONDS

    def test_a_sweep_goes_on(self) -> None:
        rows.new_job()
        began = time.monotonic()
        assert ring_forgotten() == 1
        assert time.monotonic() - began < PATIENCE_SECONDS

    def test_a_broker_that_has_failed_is_left_alone_for_a_while(self) -> None:
        """Of many requests one waits for it, not each."""
        ring(Step.SUBMIT, [uuid4()])
        began = time.monotonic()
        for _ in range(50):
            ring(Step.SUBMIT, [uuid4()])
        assert time.monotonic() - began < PATIENCE_SECONDS

    def test_whoever_was_not_heard_is_found_by_the_next_sweep(self) -> None:
        """Not only when it has been quiet for a whole lease."""
        job_id = rows.new_job()
        assert ring_forgotten() == 1
        assert rows.job(job_id).rung_at is None
        assert ring_forgotten() == 1


def test_whoever_was_heard_is_left_in_peace(heard: Callable[[], list[tuple[str, str]]]) -> None:
    job_id = rows.new_job()
    assert ring_forgotten() == 1
    assert ring_forgotten() == 0
    assert heard() == [("vrelocate.submit", str(job_id))]


def test_what_hands_take_is_not_rung_for(heard: Callable[[], list[tuple[str, str]]]) -> None:
    """The first of the line go to the hands, the bell has the others."""
    first, second = (rows.new_job(priority=priority) for priority in (1, 0))
    taken: list[tuple[Step, UUID]] = []

    def one_hand(step: Step, job_ids: Sequence[UUID]) -> Sequence[UUID]:
        taken.extend((step, job_id) for job_id in job_ids[:1])
        return job_ids[1:]

    assert ring_forgotten(one_hand) == 2
    assert taken == [(Step.SUBMIT, first)]
    assert heard() == [("vrelocate.submit", str(second))]


def test_each_step_is_rung_for_by_its_name(heard: Callable[[], list[tuple[str, str]]]) -> None:
    first, second = uuid4(), uuid4()
    ring(Step.SUBMIT, [first, second])
    ring(Step.FINISH, [first])
    assert heard() == [
        ("vrelocate.submit", str(first)),
        ("vrelocate.submit", str(second)),
        ("vrelocate.finish", str(first)),
    ]


def test_ringing_for_nobody_needs_no_broker(heard: Callable[[], list[tuple[str, str]]]) -> None:
    ring(Step.SUBMIT, [])
    assert heard() == []
