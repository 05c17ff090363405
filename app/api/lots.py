"""Polls are answered in lots: those that come while one lot is answered make the next one.

A thousand clients that poll would keep acceptance waiting, for the processor and for Python's lock, if each of them had
a thread and a connection. So one thread answers all polls of a process, and lets changes go first. A poll that comes
alone is a lot of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from anyio import fail_after
from starlette.concurrency import run_in_threadpool

from app.api.cloudstack.dispatch import Reply
from app.api.cloudstack.requests import Request
from app.api.turns import TURN_SECONDS, Turns, too_many_wait

MOST_IN_LOT = 25
"""Polls in a lot: it is answered in a few milliseconds, so that threads that change something come in between."""


class Lots:
    """The polls of one process."""

    def __init__(self, answer: Callable[[Sequence[Request]], Sequence[Reply]], turns: Turns) -> None:
        """Let polls be answered by `answer`, in a thread: as many replies as there are requests, in their order."""
        self._answer = answer
        self._turns = turns
        self._waiting: list[tuple[Request, asyncio.Future[Reply]]] = []
        self._at_work: asyncio.Task[None] | None = None

    async def ask(self, request: Request) -> Reply:
        """Return the answer to a poll; raises `DatabaseUnavailable` when that takes too long."""
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, reply))
        if self._at_work is None:
            self._at_work = asyncio.create_task(self._answer_all())
        try:
            with fail_after(TURN_SECONDS):
                return await reply
        except TimeoutError:
            raise too_many_wait() from None

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                await self._turns.changes_first()
                lot, self._waiting = self._waiting[:MOST_IN_LOT], self._waiting[MOST_IN_LOT:]
                await self._answer_lot([(request, reply) for request, reply in lot if not reply.done()])
        finally:
            self._at_work = None

    async def _answer_lot(self, lot: Sequence[tuple[Request, asyncio.Future[Reply]]]) -> None:
        if not lot:  # whoever has asked is gone
            return
        try:
            replies = await run_in_threadpool(self._answer, [request for request, _ in lot])
        except Exception as error:  # noqa: BLE001  # it is for those who wait
            for _, waiting in lot:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), reply in zip(lot, replies, strict=True):
            if not waiting.done():
                waiting.set_result(reply)
