"""Waiting for a state, with a deadline; never for an amount of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], within_seconds: float, what: str = "the state waited for") -> T:
    """Return the first true answer of `condition`; fail when there is none in time."""
    deadline, never = time.monotonic() + within_seconds, threading.Event()
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {within_seconds} s"
        never.wait(0.05)
    return answer
