"""How soon something may be done again: seldom in the long run, and at once after a quiet while."""

from __future__ import annotations


class Pace:
    """So many times a second in the long run, and `at_once` times without a rest after a while without any.

    It is a token bucket. Two things that happen within a moment are both told of at once; a thousand of them share the
    same few calls. Times are seconds of any one clock that does not go back. Not for several threads.
    """

    def __init__(self, per_second: float, at_once: int) -> None:
        """Begin with all of `at_once`."""
        self._per_second = per_second
        self._at_once = at_once
        self._left = float(at_once)
        self._asked_at: float | None = None

    def rest_seconds(self, now: float) -> float:
        """Return how long to wait before it is done once more; it counts as done."""
        if self._asked_at is not None:
            self._left = min(self._at_once, self._left + (now - self._asked_at) * self._per_second)
        self._asked_at = now
        self._left -= 1
        return max(0.0, -self._left / self._per_second)
