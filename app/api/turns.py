"""Calls take turns: as many are answered at once as the database has connections for, the others wait a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import Semaphore, fail_after, move_on_after

from app.errors import DatabaseUnavailable

CALLS_AT_ONCE = 20
"""As many as the database's pool has connections: further calls wait for a thread, not for a connection."""
LOOKS_AT_ONCE = 5
"""How many of these only look. More at once would not be answered sooner: what they cost is this process's own time."""
POLLS_AT_ONCE = 1
"""All polls together are one call (`app.api.lots`)."""
FEW_CHANGES = 2
YIELD_SECONDS = 0.02
"""How long polls let so few changes go first: about as long as one takes. Where there are many, more come meanwhile."""
TURN_SECONDS = 10
"""How long a call waits for its turn: what all of the others wait for may be a database that hangs."""


def too_many_wait() -> DatabaseUnavailable:
    """Return the refusal of a call whose turn has not come in time."""
    return DatabaseUnavailable("too many calls wait for the database: try again in a moment")


class Turns:
    """The turns of one process, shared by all of its endpoints.

    Calls that only look have so many of them, and calls that change something the rest: a thousand clients that poll
    keep nobody from asking for a migration.
    """

    def __init__(self) -> None:
        """All of them are free."""
        self._for_looks = Semaphore(LOOKS_AT_ONCE)
        self._for_changes = Semaphore(CALLS_AT_ONCE - LOOKS_AT_ONCE - POLLS_AT_ONCE)
        self._changes = 0
        self._no_change = asyncio.Event()
        self._no_change.set()

    @asynccontextmanager
    async def taken(self, *, changes: bool) -> AsyncIterator[None]:
        """Have a turn for the length of the block; raises `DatabaseUnavailable` when that takes too long."""
        free = self._for_changes if changes else self._for_looks
        try:
            with fail_after(TURN_SECONDS):
                await free.acquire()
        except TimeoutError:
            raise too_many_wait() from None
        self._count(int(changes))
        try:
            yield
        finally:
            self._count(-int(changes))
            free.release()

    async def changes_first(self) -> None:
        """Let the few changes that may be under way be over first, as far as that takes a moment only."""
        if self._changes <= FEW_CHANGES:
            with move_on_after(YIELD_SECONDS):
                await self._no_change.wait()

    def _count(self, more: int) -> None:
        self._changes += more
        if self._changes:
            self._no_change.clear()
        else:
            self._no_change.set()
