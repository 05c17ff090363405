"""The web application: CloudStack's endpoint at `/client/api`, resources at `/api/v1`, a sign of life at `/healthz`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

from anyio.to_thread import current_default_thread_limiter
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from app.api.cloudstack import dispatch
from app.api.cloudstack.requests import Request as CloudStackRequest
from app.api.cloudstack.sessions import LOGIN, SESSION_ID
from app.api.lots import Lots
from app.api.rest.app import create_rest
from app.api.rest.feed import Feed
from app.api.rest.roots import ROOT
from app.api.turns import CALLS_AT_ONCE, Turns
from app.db import ping
from app.errors import DatabaseUnavailable, MalformedRequest

MAX_BODY_BYTES = 1024 * 1024
MAX_PARAMETERS = 1000

_FORM = "application/x-www-form-urlencoded"
_COOKIE_PATH = "/client"
_SAFETY = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def create_app() -> Starlette:
    """Return the application; it connects to the database with the first request.

    What is not described by OpenAPI has plain routes: FastAPI's would cost each poll as much as its statements do.
    """
    turns = Turns()
    feed = Feed(turns)
    routes = [
        _route("/client/api", cloudstack, {"GET", "POST"}),
        _route("/healthz", healthz, {"GET"}),
        Mount(ROOT, create_rest(turns, feed)),
    ]
    api = Starlette(routes=routes, lifespan=_lifespan)
    api.state.turns, api.state.feed, api.state.polls = turns, feed, Lots(dispatch.answer_polls, turns)
    return api


def _route(path: str, endpoint: Callable[[Request], Any], methods: set[str]) -> Route:
    route = Route(path, endpoint, methods=methods)
    route.methods = methods  # Starlette adds HEAD to GET, and would carry out what a client only asks the size of
    return route


async def cloudstack(request: Request) -> Response:
    """Answer a call of CloudStack's API, in the query, in a form, or in both."""
    try:
        asked = CloudStackRequest(await _parameters(request), request.cookies.get(SESSION_ID))
    except MalformedRequest as error:
        reply = dispatch.refuse(error)
    else:
        reply = await _in_turn(request, asked)
    headers = {**_SAFETY, **reply.headers, "Content-Type": reply.content_type}
    response = Response(reply.body, reply.status, headers)
    secure = request.url.scheme == "https"
    for name, value in reply.cookies.items():
        # Kept until the browser is closed: how long a session lasts, the server knows.
        age = 0 if value is None else None
        response.set_cookie(
            name, value or "", max_age=age, path=_COOKIE_PATH, secure=secure, httponly=True, samesite="strict"
        )
    return response


async def _in_turn(request: Request, asked: CloudStackRequest) -> dispatch.Reply:
    """Answer when it is the call's turn; refuse when that takes too long."""
    turns: Turns = request.app.state.turns
    polls: Lots = request.app.state.polls
    try:
        if asked.polls:
            return await polls.ask(asked)
        async with turns.taken(changes=asked.changes):
            return await run_in_threadpool(dispatch.answer, asked)
    except DatabaseUnavailable as busy:
        return dispatch.refuse(busy, asked)


def healthz(_request: Request) -> JSONResponse:
    """Tell whether calls can be answered: 200, or 503 and why not."""
    try:
        ping()
    except (DatabaseUnavailable, SQLAlchemyError) as error:
        known = isinstance(error, DatabaseUnavailable)
        reason = str(error) if known else "the database answers with an error"
        again = {"Retry-After": str(DatabaseUnavailable.retry_after_seconds)} if known else None
        return JSONResponse({"status": "unavailable", "reason": reason}, status_code=503, headers=again)
    return JSONResponse({"status": "ok"})


@asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    # One more for the sign of life, which is asked for most when all others wait.
    current_default_thread_limiter().total_tokens = CALLS_AT_ONCE + 1
    yield


async def _parameters(request: Request) -> dict[str, str]:
    """Return the request's parameters with their names as they came; the query's beat the form's, as in CloudStack.

    Raises `MalformedRequest` when there are too many of them, and for a password in the URL.
    """
    texts = [request.scope["query_string"]]
    if request.method == "POST" and request.headers.get("content-type", _FORM).lower().startswith(_FORM):
        texts.insert(0, await _body(request))
    parameters: dict[str, str] = {}
    for text in texts:
        try:
            pairs = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
        except ValueError:
            raise MalformedRequest(f"a request has at most {MAX_PARAMETERS} parameters") from None
        parameters |= pairs
    named = {name.lower(): value for name, value in parameters.items()}
    if named.get("command") == LOGIN and any(name.lower() == "password" for name, _ in pairs):
        raise MalformedRequest("send username and password in a form, by POST: what is in a URL ends up in logs")
    return parameters


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise MalformedRequest(f"a request has at most {MAX_BODY_BYTES} bytes")
    return bytes(body)
