"""How often a key may call."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.throttle import Throttle
from app.errors import TooManyCalls

pytestmark = pytest.mark.unit

KEY, OTHER = UUID(int=1), UUID(int=2)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def allowed(throttle: Throttle, key: UUID = KEY) -> bool:
    try:
        throttle.take(key)
    except TooManyCalls:
        return False
    return True


def test_a_seconds_worth_at_once_and_then_as_many_as_time_gives() -> None:
    clock = Clock()
    throttle = Throttle(10, clock)
    assert [allowed(throttle) for _ in range(12)] == [True] * 10 + [False] * 2
    assert allowed(throttle, OTHER), "each key has its own"
    with pytest.raises(TooManyCalls, match="please retry after 1000 ms") as refused:
        throttle.take(KEY)
    assert refused.value.retry_after_seconds == 1
    clock.now += 0.1
    assert [allowed(throttle) for _ in range(2)] == [True, False]
    clock.now += 3600
    assert [allowed(throttle) for _ in range(12)] == [True] * 10 + [False] * 2


@given(st.lists(st.floats(0, 5), max_size=200), st.integers(1, 20))
def test_never_more_than_it_says(rests: list[float], per_second: int) -> None:
    clock = Clock()
    throttle = Throttle(per_second, clock)
    calls = 0
    for rest in rests:
        clock.now += rest
        calls += allowed(throttle)
    assert calls <= per_second * (1 + clock.now - Clock.now) + 1e-6
