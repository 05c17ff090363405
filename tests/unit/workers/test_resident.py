"""What lives as long as a worker: it does its round again and again, and no error ends it."""

from __future__ import annotations

import threading

import pytest

from app.errors import ResourceUnavailable
from workers.resident import Resident

pytestmark = pytest.mark.unit

DEADLINE_SECONDS = 10


class Rounds:
    """Counts rounds; each of the first ones fails as told."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self._grown = threading.Condition()
        self.count = 0

    def __call__(self, _over: threading.Event) -> None:
        with self._grown:
            self.count += 1
            self._grown.notify_all()
        if self._errors:
            raise self._errors.pop(0)

    def wait_for(self, count: int) -> bool:
        with self._grown:
            return self._grown.wait_for(lambda: self.count >= count, DEADLINE_SECONDS)


def test_it_goes_on_until_it_is_asked_to_stop() -> None:
    rounds = Rounds()
    resident = Resident("test", 0.001, rounds)
    resident.start()
    assert rounds.wait_for(3)
    assert resident.alive
    resident.ask_to_stop()
    resident.join(DEADLINE_SECONDS)
    assert not resident.alive


@pytest.mark.parametrize("error", [ResourceUnavailable("the database is away"), ValueError("a bug")])
def test_an_error_ends_a_round_and_not_the_resident(error: Exception) -> None:
    rounds = Rounds(error, error)
    resident = Resident("test", 0.001, rounds)
    resident.start()
    assert rounds.wait_for(4)
    resident.ask_to_stop()
    resident.join(DEADLINE_SECONDS)
    assert not resident.alive


def test_a_rest_is_cut_short_by_the_end() -> None:
    rounds = Rounds()
    resident = Resident("test", 3600, rounds)
    resident.start()
    assert rounds.wait_for(1)
    resident.ask_to_stop()
    resident.join(DEADLINE_SECONDS)
    assert not resident.alive


def test_a_round_hears_that_it_shall_end() -> None:
    heard, begun = threading.Event(), threading.Event()

    def listen(over: threading.Event) -> None:
        begun.set()
        if over.wait(DEADLINE_SECONDS):
            heard.set()

    resident = Resident("test", 0, listen)
    resident.start()
    assert begun.wait(DEADLINE_SECONDS)
    resident.ask_to_stop()
    assert heard.wait(DEADLINE_SECONDS)
    resident.join(DEADLINE_SECONDS)


def test_one_that_never_began_needs_no_waiting_for() -> None:
    resident = Resident("test", 0, Rounds())
    resident.ask_to_stop()
    resident.join(DEADLINE_SECONDS)
    assert not resident.alive
