"""Calls take turns: as many are answered at once as the database has connections for, the others wait a while."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import Semaphore, fail_after

from app.errors import DatabaseUnavailable

CALLS_AT_ONCE = 20
"""As many as the database's pool has connections: further calls wait for a thread, not for a connection."""
TURN_SECONDS = 10
"""How long a call waits for its turn: what all of the others wait for may be a database that hangs."""


class Turns:
    """The turns of one process, shared by all of its endpoints."""

    def __init__(self) -> None:
        """All of them are free."""
        self._free = Semaphore(CALLS_AT_ONCE)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Have a turn for the length of the block; raises `DatabaseUnavailable` when that takes too long."""
        try:
            with fail_after(TURN_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise DatabaseUnavailable("too many calls wait for the database: try again in a moment") from None
        try:
            yield
        finally:
            self._free.release()
