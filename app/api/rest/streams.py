"""`/api/v1/events` and `/api/v1/jobs/{id}/stream`: what happens, as it happens (server-sent events, WHATWG HTML 9.2).

Each line of a history is an event `history` whose id is the place to read on from: a client that was cut off sends it
as `Last-Event-ID`, as browsers do by themselves, and gets what it has missed, each line once. In between come events
`progress`, without ids: they tell how far a job has come now, and are not repeated.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.access.keys import Caller
from app.api.jobparts import show_events
from app.api.rest.feed import Feed, Follower
from app.api.rest.job_schemas import EventOut, ProgressOut
from app.api.rest.responses import problems
from app.api.rest.serving import Route, who_may
from app.api.rest.shown import known_job
from app.errors import DatabaseUnavailable
from app.jobs.feed import CURSOR_PATTERN, Seen, latest, read_on, read_on_about, visible_jobs
from app.jobs.states import TERMINAL
from app.settings import settings
from app.visibility import visible_zones

router = APIRouter(tags=["jobs"], route_class=Route)

SIGN_OF_LIFE_SECONDS = 15
"""Whatever is between us and the client hears from us so often."""
RETRY_MILLISECONDS = 1000
_AT_ONCE = 200
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"enum": ["history", "progress"]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "anyOf": [{"$ref": f"#/components/schemas/{it.__name__}"} for it in (EventOut, ProgressOut)]
            },
        },
        "id": {"type": "string", "pattern": CURSOR_PATTERN},
    },
    "required": ["event", "data"],
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `history` and `progress`, until the server ends the stream: call again then",
        "content": {"text/event-stream": {"itemSchema": _EVENT}},
    }
}

_Looks = Annotated[Caller, Depends(who_may("listAsyncJobs"))]
_Id = Annotated[UUID, Path(description="The job's id")]
_LastEventId = Annotated[
    str,
    Header(
        alias="Last-Event-ID",
        pattern=CURSOR_PATTERN,
        description="The id of the last event that was seen: the stream goes on behind it",
    ),
]


@router.get(
    "/events", summary="What happens to all jobs, live", response_class=Response, responses={**_STREAM, **problems(422)}
)
async def follow_all(_caller: _Looks, request: Request, *, last_event_id: _LastEventId = "") -> Response:
    """Send each line of each job's history as it is written, and how far jobs have come.

    It begins with what happens from now on; with `Last-Event-ID: 0`, with all that is remembered.
    """
    feed: Feed = request.app.state.feed
    seen = Seen.of(last_event_id) if last_event_id else await feed.read(latest)
    return await _stream(feed, None, seen)


@router.get(
    "/jobs/{job_id}/stream",
    summary="What happens to one job, live",
    response_class=Response,
    responses={**_STREAM, 204: {"description": "The job has ended, and all of it was seen"}, **problems(404, 422)},
)
async def follow(_caller: _Looks, job_id: _Id, request: Request, *, last_event_id: _LastEventId = "") -> Response:
    """Send the job's history from its beginning, then each line as it is written, and how far it has come.

    The stream ends with the job; who calls again with the last id gets 204 then, which tells browsers to stop.
    """
    feed: Feed = request.app.state.feed
    seen = Seen(Seen.of(last_event_id).last) if last_event_id else Seen()
    look = await feed.read(partial(_look_at, job_id=job_id, seen=seen))
    if look.over and not look.told:
        return Response(status_code=204)
    return await _stream(feed, job_id, seen)


async def _stream(feed: Feed, job_id: UUID | None, seen: Seen) -> Response:
    """Begin a stream; what it cannot begin with is a problem still."""
    events = _events(feed, job_id, seen)
    first = await anext(events)

    async def all_of_it() -> AsyncIterator[bytes]:
        yield first
        async for event in events:
            yield event

    # nginx would keep events back until it has a buffer full of them.
    return StreamingResponse(all_of_it(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _events(feed: Feed, job_id: UUID | None, seen: Seen) -> AsyncIterator[bytes]:
    end = time.monotonic() + settings().stream_seconds
    with feed.followed(job_id) as follower:
        yield format_sse_event(retry=RETRY_MILLISECONDS)
        while True:
            follower.woken.clear()
            try:
                look = await feed.read(partial(_look_at, job_id=job_id, seen=seen))
            except DatabaseUnavailable:
                return  # the client comes back, and is told why there is nothing
            for event, place in look.told:
                yield _as_event("history", event, place.text)
            seen = look.seen
            for progress in _progress_of(follower):
                yield _as_event("progress", progress)
            if look.over or feed.closing or time.monotonic() >= end:
                return
            if look.more:
                continue
            if not await _woken(follower, min(SIGN_OF_LIFE_SECONDS, end - time.monotonic())):
                yield KEEPALIVE_COMMENT


@dataclass(frozen=True)
class _Look:
    """What a look at the history has shown."""

    told: list[tuple[EventOut, Seen]]
    """Lines for this client, each with the place behind it."""
    seen: Seen
    """The place behind the last line, be it for this client or not."""
    more: bool
    """There may be further lines now."""
    over: bool
    """The job has ended, and these were its last lines."""


def _look_at(session: Session, *, job_id: UUID | None, seen: Seen) -> _Look:
    """Return the next lines; raises `NotFound` when there is no such job for this client."""
    over = False
    if job_id is None:
        lines = read_on(session, seen, _AT_ONCE)
    else:
        # Looked at before its lines: the line that tells of its end is written together with the end.
        over = known_job(session, job_id).state in TERMINAL
        lines = read_on_about(session, job_id, seen, _AT_ONCE)
    more = len(lines) == _AT_ONCE
    if lines:
        seen = lines[-1][1]
    if visible_zones() is not None:
        visible = visible_jobs(session, {line.job_id for line, _ in lines})
        lines = [(line, place) for line, place in lines if line.job_id in visible]
    shown = show_events(session, [line for line, _ in lines])
    told = [(EventOut.of(it), place) for it, (_, place) in zip(shown, lines, strict=True)]
    return _Look(told, seen, more, over=over and not more)


def _progress_of(follower: Follower) -> list[ProgressOut]:
    news, follower.progress = follower.progress, {}
    return [ProgressOut.model_validate(it) for it in news.values()]


async def _woken(follower: Follower, seconds: float) -> bool:
    try:
        await asyncio.wait_for(follower.woken.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _as_event(name: str, content: BaseModel, place: str | None = None) -> bytes:
    return format_sse_event(data_str=content.model_dump_json(), event=name, id=place)
