"""The pace of a watcher: never a rest after a quiet while, never more than its rate in the long run."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.pace import Pace

AT_ONCE, PER_SECOND = 4, 10.0


def times(gaps: list[float]) -> list[float]:
    """Return when each is done, if each is wanted so long after the one before was done."""
    pace, now, done = Pace(PER_SECOND, AT_ONCE), 0.0, []
    for gap in gaps:
        now += gap
        now += pace.rest_seconds(now)
        done.append(now)
    return done


def test_a_few_are_done_at_once_and_then_one_a_tenth_of_a_second() -> None:
    """A burst is let through; what comes after it comes at the rate."""
    assert times([0.0] * 6) == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.1, 0.2])


def test_two_shortly_after_each_other_need_no_rest_however_often_that_happens() -> None:
    """Five times a second two things happen within two milliseconds: none of them waits."""
    wanted = [0.198, 0.002] * 50
    assert times(wanted) == pytest.approx([sum(wanted[: number + 1]) for number in range(len(wanted))])


@given(st.lists(st.floats(min_value=0, max_value=2), max_size=60))
def test_within_any_time_no_more_are_done_than_the_burst_and_the_rate_allow(gaps: list[float]) -> None:
    """However they are wanted: over any stretch, the burst and what the rate gives for it is the most."""
    done = times(gaps)
    assert all(earlier <= later for earlier, later in pairwise(done))
    for first in range(len(done)):
        for last in range(first, len(done)):
            assert last - first + 1 <= AT_ONCE + (done[last] - done[first]) * PER_SECOND + 1e-6
