"""Calls take turns: as many are answered at once as the database has connections for, the others wait a while."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import Semaphore, fail_after

from app.errors import DatabaseUnavailable

CALLS_AT_ONCE = 20
"""As many as the database's pool has connections: further calls wait for a thread, not for a connection."""
LOOKS_AT_ONCE = 6
"""How many of these only look. More at once would not be answered sooner: what they cost is this process's own time."""
TURN_SECONDS = 10
"""How long a call waits for its turn: what all of the others wait for may be a database that hangs."""


class Turns:
    """The turns of one process, shared by all of its endpoints.

    Calls that only look have so many of them, and calls that change something the rest: a thousand clients that poll
    keep nobody from asking for a migration.
    """

    def __init__(self) -> None:
        """All of them are free."""
        self._for_looks = Semaphore(LOOKS_AT_ONCE)
        self._for_changes = Semaphore(CALLS_AT_ONCE - LOOKS_AT_ONCE)

    @asynccontextmanager
    async def taken(self, *, changes: bool) -> AsyncIterator[None]:
        """Have a turn for the length of the block; raises `DatabaseUnavailable` when that takes too long."""
        free = self._for_changes if changes else self._for_looks
        try:
            with fail_after(TURN_SECONDS):
                await free.acquire()
        except TimeoutError:
            raise DatabaseUnavailable("too many calls wait for the database: try again in a moment") from None
        try:
            yield
        finally:
            free.release()
