"""What every operation has in common: its turn, who calls, and a problem document for whatever goes wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from app.access.audit import set_actor, user
from app.access.keys import Caller
from app.access.roles import Role, allows
from app.access.throttle import count_call
from app.access.tokens import authenticate_token
from app.api.rest.problems import ChangedMeanwhile, answer_with
from app.api.turns import Turns
from app.db import transaction
from app.errors import PermissionDenied
from app.telemetry import logger
from app.visibility import limit_to

MAX_BODY_BYTES = 1024 * 1024

log = logger(__name__)

_bearer = HTTPBearer(
    scheme_name="token", description="A token of `vrelocate tokens create`: `Authorization: Bearer …`", auto_error=False
)


class Route(APIRoute):
    """A route that answers every error with a problem document, the unforeseen ones too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()
        tagged = int(HTTPStatus.NOT_MODIFIED) in self.responses

        async def answer(request: Request) -> Response:
            try:
                response = await handle(Request(request.scope, _bounded(request.receive)))
            except Exception as error:  # noqa: BLE001  # whatever it is, the client gets a problem and the log the rest
                return answer_with(error)
            if tagged and response.status_code == HTTPStatus.OK:
                return _unless_known(request, response)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return answer


def require_unchanged(if_match: str, present: BaseModel) -> None:
    """Raise `ChangedMeanwhile` if a client has seen something else than what is there now (RFC 9110, 13.1.1)."""
    if if_match not in {"", "*", _tag_of(present.model_dump(mode="json"))}:
        raise ChangedMeanwhile("it was changed since you have read it: read it again, then decide")


def _tag_of(content: object) -> str:
    written = json.dumps(content, sort_keys=True)
    return f'"{hashlib.sha256(written.encode()).hexdigest()[:32]}"'


def _bounded(receive: Receive) -> Receive:
    """Return what receives a body, but none that is too long."""
    taken = 0

    async def receive_bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY_BYTES:
            # The one kind that FastAPI lets through while it reads a body.
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {MAX_BODY_BYTES} bytes")
        return message

    return receive_bounded


def _unless_known(request: Request, response: Response) -> Response:
    """Give the response its `ETag`; leave out its body if the client has that already (RFC 9110, 13.1.2)."""
    tag = _tag_of(json.loads(bytes(response.body)))
    known = {it.strip() for it in request.headers.get("If-None-Match", "").split(",")}
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in known or "*" in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    response.headers.update(headers)
    return response


async def in_turn(request: Request) -> AsyncIterator[None]:
    """Have a turn until the call is answered."""
    turns: Turns = request.app.state.turns
    async with turns.taken(changes=request.method != "GET"):
        yield


def _known(token: str | None) -> Caller:
    with transaction() as session:
        return authenticate_token(session, token)


def who_may(command: str) -> Callable[..., Coroutine[Any, Any, Caller]]:
    """Return the dependency that gives the caller, if the role may do what CloudStack's API calls `command`."""

    async def caller(
        sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
        # Over when the operation has its answer: one that goes on streaming takes a turn for each look it takes.
        _turn: Annotated[None, Depends(in_turn, scope="function")],
    ) -> Caller:
        known = await run_in_threadpool(_known, sent.credentials if sent else None)
        count_call(known.user_id)
        if not allows(known.role, command):
            raise PermissionDenied(f"the key {known.key_name} has the role {known.role}: it may not {command}")
        if not allows(Role.READ_ONLY, command):
            log.info("api.called", command=command, by=known.key_name)
        # In the request's own context, which the operation's thread is given a copy of.
        set_actor(user(known.user_id))
        limit_to(known.zone_ids)
        return known

    return caller
