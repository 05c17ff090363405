"""How long a process that dies is left alone."""

from __future__ import annotations

import pytest

from app.devstack.supervisor import Backoff

pytestmark = pytest.mark.unit


def test_at_once_then_twice_as_long_each_time_up_to_a_ceiling() -> None:
    backoff = Backoff()
    assert [backoff.next_delay(seconds_alive=0) for _ in range(8)] == [0, 0.5, 1, 2, 4, 8, 15, 15]


def test_one_that_lived_long_enough_is_started_at_once_again() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.next_delay(seconds_alive=1)
    assert backoff.next_delay(seconds_alive=31) == 0
    assert backoff.next_delay(seconds_alive=1) == 0.5
