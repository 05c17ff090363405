"""The same thing done by many threads in the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
DEADLINE_SECONDS = 30


def at_once(count: int, do: Callable[[int], T]) -> list[T]:
    """Call `do(0)` to `do(count - 1)` together; return what they return, in this order, or raise what one raises."""
    together = threading.Barrier(count)

    def run(number: int) -> T:
        together.wait(DEADLINE_SECONDS)
        return do(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count), timeout=DEADLINE_SECONDS))
