"""The table of legal moves: what it allows, and the promises that follow from it whatever the way through it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.states import (
    HELD,
    LEGAL_MOVES,
    LIVE,
    SETTLED,
    TERMINAL,
    JobState,
    TaskState,
    cloudstack_status,
    is_legal,
)

pytestmark = pytest.mark.unit

QUEUED, SUBMITTING, RUNNING, VERIFYING = JobState.QUEUED, JobState.SUBMITTING, JobState.RUNNING, JobState.VERIFYING
SUCCEEDED, FAILED, CANCELLED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED


@st.composite
def walks(draw: st.DrawFn) -> list[JobState]:
    """A life of a job: any legal way from being accepted."""
    way = [QUEUED]
    for _ in range(draw(st.integers(0, 30))):
        following = sorted(LEGAL_MOVES[way[-1]])
        if not following:
            break
        way.append(draw(st.sampled_from(following)))
    return way


def reachable(start: JobState) -> set[JobState]:
    found, fresh = {start}, [start]
    while fresh:
        new = LEGAL_MOVES[fresh.pop()] - found
        found |= new
        fresh += new
    return found


def test_every_state_has_its_line_and_can_be_reached() -> None:
    assert set(LEGAL_MOVES) == set(JobState)
    assert reachable(QUEUED) == set(JobState)


def test_no_live_state_is_a_dead_end() -> None:
    assert all(reachable(state) & TERMINAL for state in LIVE)


@given(walks())
def test_success_is_only_believed_after_looking(way: list[JobState]) -> None:
    """Law 4: nothing but verifying leads to success."""
    assert all(way[at - 1] is VERIFYING for at, state in enumerate(way) if state is SUCCEEDED)


@given(walks())
def test_a_running_job_is_over_only_after_looking(way: list[JobState]) -> None:
    """Law 5: while vCenter works there is one way on, and it leads to verifying."""
    assert all(way[at + 1] is VERIFYING for at, state in enumerate(way[:-1]) if state is RUNNING)


@given(walks())
def test_what_is_over_comes_back_only_by_the_queue(way: list[JobState]) -> None:
    assert all(way[at + 1] is QUEUED for at, state in enumerate(way[:-1]) if state in TERMINAL)


@given(walks())
def test_success_is_final(way: list[JobState]) -> None:
    assert SUCCEEDED not in way[:-1]


@given(st.sampled_from(JobState), st.sampled_from(JobState))
def test_a_move_is_legal_when_the_table_has_it(before: JobState, after: JobState) -> None:
    assert is_legal(before, after) == (after in LEGAL_MOVES[before])


def test_nothing_follows_itself() -> None:
    assert not [state for state in JobState if is_legal(state, state)]


def test_live_and_over_divide_the_states_and_only_live_ones_are_held() -> None:
    assert set(JobState) == LIVE | TERMINAL
    assert not LIVE & TERMINAL
    assert {SUBMITTING, VERIFYING} == HELD
    assert HELD < LIVE


@pytest.mark.parametrize(
    ("state", "status"),
    [(QUEUED, 0), (SUBMITTING, 0), (RUNNING, 0), (VERIFYING, 0), (SUCCEEDED, 1), (FAILED, 2), (CANCELLED, 2)],
)
def test_clients_see_cloudstacks_status(state: JobState, status: int) -> None:
    assert cloudstack_status(state) == status


def test_a_task_is_settled_when_nothing_more_can_come() -> None:
    assert set(TaskState) - SETTLED == {TaskState.INTENDED, TaskState.QUEUED, TaskState.RUNNING}
