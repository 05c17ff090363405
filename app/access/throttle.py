"""How often a key may call: so many times a second in the long run, at each process of the API.

One key that calls without end takes the turns of all others. Off unless the setting `api_calls_per_second` is given, as
CloudStack's `api.throttling.enabled`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import cache
from uuid import UUID

from app.errors import TooManyCalls
from app.settings import settings


class Throttle:
    """A bucket of calls for each key: a second's worth may be made at once. For several threads."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with full buckets; `clock` gives seconds."""
        self._per_second = per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[UUID, tuple[float, float]] = {}
        """Of each key that has called: how many calls were left, and when. There are as many as there are keys."""

    def take(self, key_id: UUID) -> None:
        """Count one call of a key; raises `TooManyCalls`, which says when there is another one."""
        with self._lock:
            now = self._clock()
            left, at = self._buckets.get(key_id, (float(self._per_second), now))
            left = min(float(self._per_second), left + (now - at) * self._per_second)
            allowed = left >= 1
            self._buckets[key_id] = (left - 1 if allowed else left, now)
        if not allowed:
            raise TooManyCalls(math.ceil((1 - left) / self._per_second))


@cache
def _throttle() -> Throttle | None:
    per_second = settings().api_calls_per_second
    return None if per_second is None else Throttle(per_second)


def count_call(key_id: UUID) -> None:
    """Count one call of a key at this process; raises `TooManyCalls` when it has made too many."""
    throttle = _throttle()
    if throttle is not None:
        throttle.take(key_id)
