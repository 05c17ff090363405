"""What every operation has in common: its turn, who calls, and a problem document for whatever goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.access.keys import Caller
from app.access.roles import Role, allows
from app.access.tokens import authenticate_token
from app.api.rest.problems import answer_with
from app.api.turns import Turns
from app.db import transaction
from app.errors import PermissionDenied
from app.telemetry import logger

log = logger(__name__)

_bearer = HTTPBearer(
    scheme_name="token", description="A token of `vrelocate tokens create`: `Authorization: Bearer …`", auto_error=False
)


class Route(APIRoute):
    """A route that answers every error with a problem document, the unforeseen ones too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except Exception as error:  # noqa: BLE001  # whatever it is, the client gets a problem and the log the rest
                return answer_with(error)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return answer


async def in_turn(request: Request) -> AsyncIterator[None]:
    """Have a turn until the call is answered."""
    turns: Turns = request.app.state.turns
    async with turns.taken():
        yield


def who_may(command: str) -> Callable[..., Caller]:
    """Return the dependency that gives the caller, if the role may do what CloudStack's API calls `command`."""

    def caller(
        sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
        _turn: Annotated[None, Depends(in_turn)],
    ) -> Caller:
        with transaction() as session:
            known = authenticate_token(session, sent.credentials if sent else None)
        if not allows(known.role, command):
            raise PermissionDenied(f"the key {known.key_name} has the role {known.role}: it may not {command}")
        if not allows(Role.READ_ONLY, command):
            log.info("api.called", command=command, by=known.key_name)
        return known

    return caller
