"""One look a while at what happens to jobs, for all the clients of this process that follow along.

The look says only that there is something new, and for whom; each stream then reads on from its own place. So a stream
costs nothing while nothing happens, and who comes back with the id of the last thing seen goes on at any process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from app.api.turns import Turns
from app.db import transaction
from app.errors import DatabaseUnavailable
from app.jobs.feed import Progress, Seen, latest, progress_since, read_on
from app.telemetry import logger
from app.visibility import visible_zones

LOOK_SECONDS = 0.5
"""How often it is looked; what happens is told within this time."""
MOST_STREAMS = 200
"""How many a process serves; each may be sent everything that happens."""
_AT_ONCE = 500
_MOST_TOLD = 10_000
"""Of how many jobs it is remembered what was told of them; of more, some things are told twice."""

T = TypeVar("T")

log = logger(__name__)


@dataclass(eq=False)
class Follower:
    """One stream: what it is about, and what it has not been told yet."""

    job_id: UUID | None
    """`None`: all jobs."""
    zones: frozenset[UUID] | None = field(default_factory=visible_zones)
    """Of jobs in other zones it is told nothing; `None`: there are no others."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    progress: dict[UUID, Progress] = field(default_factory=dict)
    """The newest of each job; what lies between is not told to who is slow."""

    def hears_of(self, job_id: UUID) -> bool:
        """Say whether it may be about this job."""
        return self.job_id is None or self.job_id == job_id

    def is_told(self, progress: Progress) -> bool:
        """Say whether it is about this job, and the job in a zone that there is for it."""
        return self.hears_of(progress.job_id) and (self.zones is None or progress.zone_id in self.zones)


class Feed:
    """The followers of one process, and the one who looks for all of them; it looks while there are any."""

    def __init__(self, turns: Turns) -> None:
        """Nobody follows yet."""
        self._turns = turns
        self._followers: set[Follower] = set()
        self._looking: asyncio.Task[None] | None = None
        self.closing = False

    def close(self) -> None:
        """Have all streams end soon, and no new ones begin; safe in a signal handler."""
        self.closing = True

    @contextmanager
    def followed(self, job_id: UUID | None) -> Iterator[Follower]:
        """Be told of one job, or of all, for the length of the block; raises `DatabaseUnavailable` if too many are."""
        if self.closing or len(self._followers) >= MOST_STREAMS:
            raise DatabaseUnavailable("this process cannot take another stream now: try again in a moment")
        follower = Follower(job_id)
        self._followers.add(follower)
        # In a context of its own: it looks for all, not for the one who was first and what there is for that one.
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), context=Context())
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    async def read(self, reading: Callable[[Session], T]) -> T:
        """Return what a reading of the database gives, when it is its turn; raises `DatabaseUnavailable`."""

        def read() -> T:
            with transaction() as session:
                return reading(session)

        async with self._turns.taken(changes=False):
            return await run_in_threadpool(read)

    async def _look(self) -> None:
        """Wake whoever has something to read, until nobody follows."""
        seen: Seen | None = None
        since: datetime | None = None
        told: dict[UUID, Progress] = {}
        while self._followers and not self.closing:
            try:
                seen, since = await self._look_once(seen, since, told)
            except DatabaseUnavailable as away:
                log.info("api.feed_waits", reason=str(away))
            except Exception:  # the next look may succeed, and the streams must not go deaf
                log.exception("api.failed")
            await asyncio.sleep(LOOK_SECONDS)
        for follower in self._followers:
            follower.woken.set()

    async def _look_once(
        self, seen: Seen | None, since: datetime | None, told: dict[UUID, Progress]
    ) -> tuple[Seen, datetime]:
        if seen is None:
            seen = await self.read(latest)
            # Whoever has come before this look may have something to read.
            self._wake(self._followers)
        place = seen
        lines = await self.read(lambda session: read_on(session, place, _AT_ONCE))
        for line, _ in lines:
            self._wake(it for it in self._followers if it.hears_of(line.job_id))
        news, next_time = await self.read(lambda session: progress_since(session, since))
        for progress in news:
            if told.pop(progress.job_id, None) != progress:
                self._tell(progress)
            told[progress.job_id] = progress  # the newest stand last
        for job_id in list(told)[: max(0, len(told) - _MOST_TOLD)]:
            del told[job_id]
        return (lines[-1][1] if lines else seen), next_time

    def _tell(self, progress: Progress) -> None:
        for follower in self._followers:
            if follower.is_told(progress):
                follower.progress[progress.job_id] = progress
                follower.woken.set()

    @staticmethod
    def _wake(followers: Iterable[Follower]) -> None:
        for follower in followers:
            follower.woken.set()
