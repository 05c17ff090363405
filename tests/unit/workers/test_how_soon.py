"""What docs/operations.md promises after a kill follows from the defaults; whoever changes one of them is told here."""

from __future__ import annotations

import pytest

from app.db import SILENCE_SECONDS
from app.settings import Settings
from workers import carry, watch

pytestmark = pytest.mark.unit

PROMISED_SECONDS = 15
WORK_SECONDS = 2.5
"""For what is to be done besides waiting: a bell, a claim, a login, a filter with hundreds of tasks."""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """As they are where nobody has set any."""
    for name in ("LEASE_SECONDS", "SWEEP_INTERVAL_SECONDS", "WATCH_LEASE_SECONDS"):
        monkeypatch.delenv(f"VRELOCATE_{name}", raising=False)
    return Settings(DATABASE_URL="postgresql://", REDIS_URL="redis://")  # type: ignore[call-arg]  # by their aliases


def test_what_a_killed_worker_held_is_anothers_in_time(settings: Settings) -> None:
    """A lease that was taken just now, or a bell that was rung just now, and a sweep that has just gone by."""
    assert settings.lease_seconds + settings.sweep_interval_seconds + WORK_SECONDS <= PROMISED_SECONDS


def test_what_a_killed_worker_watched_is_anothers_in_time(settings: Settings) -> None:
    assert settings.watch_lease_seconds + watch._LOOK_SECONDS + WORK_SECONDS <= PROMISED_SECONDS


def test_what_a_killed_worker_copied_is_anothers_in_time(settings: Settings) -> None:
    assert settings.lease_seconds + carry._LOOK_SECONDS + WORK_SECONDS <= PROMISED_SECONDS


def test_a_watch_is_renewed_long_before_it_lapses(settings: Settings) -> None:
    """Every fifth of a lease, and a long poll later."""
    assert settings.watch_lease_seconds / 5 + settings.watch_wait_seconds <= settings.watch_lease_seconds / 2


def test_locks_of_a_worker_that_was_stopped_are_gone_before_its_lease(settings: Settings) -> None:
    """Claims pass locked rows by."""
    assert settings.lease_seconds > SILENCE_SECONDS
