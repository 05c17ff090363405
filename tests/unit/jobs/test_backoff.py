"""How long a failed attempt is waited out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.attempts import backoff_seconds
from app.limits import Limits

pytestmark = pytest.mark.unit


def bounds(base: float, ceiling: float) -> Limits:
    return Limits.model_construct(retry_base_seconds=base, retry_ceiling_seconds=ceiling)


seconds = st.floats(0.001, 1e6)


@given(st.integers(1, 10_000), seconds, seconds)
def test_between_half_and_all_of_the_doubled_base_and_never_over_the_ceiling(
    attempt: int, base: float, ceiling: float
) -> None:
    waited = backoff_seconds(attempt, bounds(base, ceiling))
    whole = min(base * 2.0 ** min(attempt - 1, 64), ceiling)
    assert whole / 2 <= waited <= whole


def test_each_failure_waits_at_least_as_long_as_any_before_it() -> None:
    told = bounds(5, 900)
    for attempt in range(1, 7):
        longest_now = max(backoff_seconds(attempt, told) for _ in range(50))
        shortest_next = min(backoff_seconds(attempt + 1, told) for _ in range(50))
        assert shortest_next >= longest_now


def test_jobs_that_failed_together_do_not_come_back_together() -> None:
    assert len({backoff_seconds(3, bounds(5, 900)) for _ in range(20)}) > 1
