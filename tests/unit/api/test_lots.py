"""Polls in lots: in their order, one lot at a time, and nobody waits without end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from app.api import lots, turns
from app.api.cloudstack.dispatch import Reply
from app.api.cloudstack.requests import Request
from app.api.lots import MOST_IN_LOT, Lots
from app.api.turns import Turns
from app.errors import DatabaseUnavailable

pytestmark = pytest.mark.unit


def poll(number: int) -> Request:
    return Request({"command": "queryAsyncJobResult", "jobid": str(number)})


def reply(request: Request) -> Reply:
    return Reply(200, "", request.parameters["jobid"].encode())


class Answering:
    """Answers when it is let; remembers the lots."""

    def __init__(self) -> None:
        self.lots: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.let = threading.Semaphore(0)
        self.at_once = 0

    def __call__(self, requests: Sequence[Request]) -> list[Reply]:
        self.at_once += 1
        assert self.at_once == 1
        self.lots.append([request.parameters["jobid"] for request in requests])
        self.begun.release()
        assert self.let.acquire(timeout=10)
        self.at_once -= 1
        return [reply(request) for request in requests]

    async def has_begun(self) -> None:
        await asyncio.to_thread(self.begun.acquire)


def test_those_that_come_while_a_lot_is_answered_make_the_next_one() -> None:
    async def go() -> None:
        answering = Answering()
        polls = Lots(answering, Turns())
        first = asyncio.create_task(polls.ask(poll(0)))
        await answering.has_begun()
        later = [asyncio.create_task(polls.ask(poll(number))) for number in range(1, MOST_IN_LOT + 3)]
        for _ in range(3):
            answering.let.release()
        assert [it.body for it in await asyncio.gather(first, *later)] == [
            str(number).encode() for number in range(MOST_IN_LOT + 3)
        ]
        assert [len(lot) for lot in answering.lots] == [1, MOST_IN_LOT, 2]

    asyncio.run(go())


def test_one_that_comes_after_all_were_answered_is_answered() -> None:
    async def go() -> None:
        polls = Lots(lambda requests: [reply(request) for request in requests], Turns())
        assert [(await polls.ask(poll(number))).body for number in range(3)] == [b"0", b"1", b"2"]

    asyncio.run(go())


def test_an_error_is_told_to_all_of_the_lot_and_to_nobody_else() -> None:
    async def go() -> None:
        failing = [True, False]

        def answer(requests: Sequence[Request]) -> list[Reply]:
            if failing.pop(0):
                raise LookupError("no")
            return [reply(request) for request in requests]

        polls = Lots(answer, Turns())
        told = await asyncio.gather(polls.ask(poll(1)), polls.ask(poll(2)), return_exceptions=True)
        assert [type(one) for one in told] == [LookupError, LookupError]
        assert (await polls.ask(poll(3))).body == b"3"

    asyncio.run(go())


def test_whoever_is_gone_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lots, "TURN_SECONDS", 0.05)

    async def go() -> None:
        answering = Answering()
        polls = Lots(answering, Turns())
        first = asyncio.create_task(polls.ask(poll(0)))
        await answering.has_begun()
        gone, waiting = asyncio.create_task(polls.ask(poll(1))), asyncio.create_task(polls.ask(poll(2)))
        await asyncio.sleep(0)  # they have asked
        gone.cancel()
        for it in (first, waiting):
            with pytest.raises(DatabaseUnavailable, match="too many calls"):
                await it
        monkeypatch.setattr(lots, "TURN_SECONDS", 60)
        last = asyncio.create_task(polls.ask(poll(3)))
        for _ in range(2):
            answering.let.release()
        assert (await last).body == b"3"
        assert answering.lots == [["0"], ["3"]]

    asyncio.run(go())


def test_a_change_that_is_under_way_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "YIELD_SECONDS", 60)

    async def go() -> None:
        calls, order = Turns(), []

        def answer(requests: Sequence[Request]) -> list[Reply]:
            order.append("poll")
            return [reply(request) for request in requests]

        polls = Lots(answer, calls)
        async with calls.taken(changes=True):
            asked = asyncio.create_task(polls.ask(poll(1)))
            await asyncio.sleep(0)  # it has asked, and its lot has begun to wait
            await asyncio.sleep(0)
            assert not order
            order.append("change")
        await asked
        assert order == ["change", "poll"]

    asyncio.run(go())


def test_where_changes_never_end_polls_are_answered_all_the_same() -> None:
    async def go() -> None:
        calls = Turns()
        polls = Lots(lambda requests: [reply(request) for request in requests], calls)
        async with calls.taken(changes=True):
            assert (await polls.ask(poll(1))).body == b"1"
            async with calls.taken(changes=True), calls.taken(changes=True):
                assert (await polls.ask(poll(2))).body == b"2"

    asyncio.run(go())
