"""The sweep's hands take as much as they can, and give back the rest."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest

from app.errors import DatabaseUnavailable
from app.jobs.queue import Step
from workers.hands import Hands

pytestmark = pytest.mark.unit

DEADLINE_SECONDS = 10
FIRST, SECOND, THIRD = (UUID(int=n) for n in (1, 2, 3))


def test_what_there_is_no_hand_for_is_given_back_until_one_is_free() -> None:
    go_on, done = threading.Event(), []

    def slowly(step: Step, job_id: UUID) -> None:
        assert go_on.wait(DEADLINE_SECONDS)
        done.append((step, job_id))

    hands = Hands(2, slowly)
    assert hands.take(Step.SUBMIT, [FIRST, SECOND, THIRD]) == [THIRD]
    assert hands.take(Step.FINISH, [THIRD]) == [THIRD]
    assert hands.take(Step.FINISH, []) == []
    go_on.set()
    hands.join(DEADLINE_SECONDS)
    assert sorted(done) == [(Step.SUBMIT, FIRST), (Step.SUBMIT, SECOND)]
    assert hands.take(Step.FINISH, [THIRD]) == []
    hands.join(DEADLINE_SECONDS)
    assert done[-1] == (Step.FINISH, THIRD)


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), RuntimeError("a defect")])
def test_a_step_that_fails_leaves_its_hand_free(error: Exception) -> None:
    def fail(_step: Step, _job_id: UUID) -> None:
        raise error

    hands = Hands(1, fail)
    for _ in range(3):
        assert hands.take(Step.SUBMIT, [FIRST]) == []
        hands.join(DEADLINE_SECONDS)


def test_who_stops_does_not_wait_for_a_hand_without_end() -> None:
    go_on = threading.Event()

    def wait(_step: Step, _job_id: UUID) -> None:
        assert go_on.wait(DEADLINE_SECONDS)

    hands = Hands(1, wait)
    hands.take(Step.SUBMIT, [FIRST])
    hands.join(0.01)
    assert hands.take(Step.SUBMIT, [SECOND]) == [SECOND], "it is at it still"
    go_on.set()
    hands.join(DEADLINE_SECONDS)
