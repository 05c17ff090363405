"""What every operation has in common: its turn, who calls, and a problem document for whatever goes wrong."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from app.access.keys import Caller
from app.access.roles import Role, allows
from app.access.tokens import authenticate_token
from app.api.rest.problems import answer_with
from app.api.turns import Turns
from app.db import transaction
from app.errors import PermissionDenied
from app.telemetry import logger

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
    # Weak: the same resource, whatever is between us and the client does to the bytes.
    tag = f'W/"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    known = {it.strip() for it in request.headers.get("If-None-Match", "").split(",")}
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in known or "*" in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    response.headers.update(headers)
    return response


async def in_turn(request: Request) -> AsyncIterator[None]:
    """Have a turn until the call is answered."""
    turns: Turns = request.app.state.turns
    async with turns.taken():
        yield


def who_may(command: str) -> Callable[..., Caller]:
    """Return the dependency that gives the caller, if the role may do what CloudStack's API calls `command`."""

    def caller(
        sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
        # Over when the operation has its answer: one that goes on streaming takes a turn for each look it takes.
        _turn: Annotated[None, Depends(in_turn, scope="function")],
    ) -> Caller:
        with transaction() as session:
            known = authenticate_token(session, sent.credentials if sent else None)
        if not allows(known.role, command):
            raise PermissionDenied(f"the key {known.key_name} has the role {known.role}: it may not {command}")
        if not allows(Role.READ_ONLY, command):
            log.info("api.called", command=command, by=known.key_name)
        return known

    return caller
