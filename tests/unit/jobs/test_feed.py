"""How far a reader of all jobs' history has come: whatever is committed late, each line is seen once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.feed import MOST_MISSING, Seen
from app.jobs.models import JobEvent

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)


def line(number: int, at: datetime = NOW) -> JobEvent:
    return JobEvent(id=number, job_id=uuid4(), at=at, actor="w", kind="claimed")


def read(seen: Seen, committed: set[int]) -> tuple[list[int], Seen]:
    """Read on as `read_on` does in SQL, from what is committed by now; each time the cursor goes over the wire."""
    got = []
    for number in sorted(committed):
        if number > seen.last or number in seen.missing:
            seen = Seen.of(seen.past(line(number), unsettled_since=LONG_AGO).text)
            got.append(number)
    return got, seen


@given(st.permutations(range(1, 13)), st.lists(st.integers(0, 12), max_size=6))
def test_whatever_the_order_of_commits_each_line_is_read_once(order: list[int], looks: list[int]) -> None:
    seen, got = Seen(), []
    for committed in [*sorted(looks), len(order)]:
        more, seen = read(seen, set(order[:committed]))
        got += more
    assert sorted(got) == sorted(order)


def test_a_place_is_written_and_read() -> None:
    assert Seen.of("7") == Seen(7)
    assert Seen.of("9~3.5") == Seen(9, frozenset({5, 3}))
    assert Seen(9, frozenset({5, 3})).text == "9~3.5"
    for wrong in ("", "x", "-1", "9~", "9~3.", "9 ", "9\n", "1" * 19):
        with pytest.raises(ValueError, match="not a place"):
            Seen.of(wrong)


def test_no_more_is_looked_for_than_can_be_on_its_way() -> None:
    seen = Seen(1).past(line(1_000_000), unsettled_since=LONG_AGO)
    assert seen.missing == frozenset(range(1_000_000 - MOST_MISSING, 1_000_000))
    assert Seen.of(seen.text) == seen
    assert len(seen.past(line(2_000_000), unsettled_since=LONG_AGO).missing) == MOST_MISSING


def test_before_a_line_of_long_ago_nothing_is_on_its_way() -> None:
    assert Seen(1).past(line(50, LONG_AGO - timedelta(seconds=1)), unsettled_since=LONG_AGO) == Seen(50)
