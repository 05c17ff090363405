"""What a client has sent: which command it means, and who sends it, whether they may, and whether it is well-formed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy.orm import Session

from app.access.keys import REFUSED, Caller, FindKey, authenticate
from app.access.roles import Role, allows
from app.access.sessions import Credentials, authenticate_session
from app.access.throttle import count_call
from app.api.cloudstack.command import Call, Command
from app.api.cloudstack.entities import known_ids
from app.api.cloudstack.envelope import Format
from app.api.cloudstack.jobs import POLL
from app.api.cloudstack.parameters import Arguments, parse, refuse_unprintable, unknown_id
from app.api.cloudstack.registry import SERVED
from app.api.cloudstack.sessions import SESSION_KEY
from app.errors import NotAuthenticated, PermissionDenied, UnsupportedCommand
from app.visibility import limited_to

_LOOKING = ("list", "query", "get")
"""Verbs of commands that do nothing but read from our database."""


@dataclass(frozen=True)
class Request:
    """A request, without a word of HTTP's library."""

    parameters: Mapping[str, str]
    """With their names as the client wrote them, because they are signed so."""
    session_id: str | None = None
    """What the client's cookie holds."""

    @cached_property
    def named(self) -> dict[str, str]:
        """Return the parameters by their names in lower case."""
        return {name.lower(): value for name, value in self.parameters.items()}

    @cached_property
    def command(self) -> Command | None:
        """Return the command that is meant; `None`: none that is served."""
        return SERVED.get(self.named.get("command", ""))

    @property
    def format(self) -> Format:
        """Return the form of the answer."""
        return Format.named(self.named.get("response"))

    @property
    def changes(self) -> bool:
        """Say whether it asks for a change: what only looks waits in a line of its own."""
        return self.command is not None and not allows(Role.READ_ONLY, self.command.name)

    @property
    def looks(self) -> bool:
        """Say whether nothing but our database is read for it."""
        return self.command is not None and self.command.name.startswith(_LOOKING)

    @property
    def polls(self) -> bool:
        """Say whether it asks how a job is getting on: most requests do, and they are answered together."""
        return self.command is not None and self.command.name == POLL


def admit(session: Session, request: Request, find: FindKey | None = None) -> tuple[Command, Call]:
    """Return the call that a request is; `find` gives keys that were read already.

    Raises `NotAuthenticated`, `TooManyCalls`, `UnsupportedCommand`, `PermissionDenied`, and `BadParameter` for what
    the command cannot be called with.
    """
    caller, shown = _caller(session, request, find)
    count_call(caller.user_id)
    if "command" not in request.named:
        raise UnsupportedCommand("Invalid request, no command sent")
    command = request.command
    if command is None:
        # CloudStack's answer to a signed call of a command that it does not know.
        raise NotAuthenticated(REFUSED)
    if not allows(caller.role, command.name):
        raise PermissionDenied(f"The key {caller.key_name} has the role {caller.role}: it may not {command.name}")
    arguments = arguments_of(command, request)
    with limited_to(caller.zone_ids):
        _refuse_unknown_ids(session, command, arguments)
    return command, Call(caller, arguments, SERVED, shown)


def arguments_of(command: Command, request: Request) -> Arguments:
    """Return what a command is called with; raises `BadParameter`."""
    refuse_unprintable(request.parameters)
    return parse(command.name, command.parameters, request.named)


def _caller(session: Session, request: Request, find: FindKey | None) -> tuple[Caller, Credentials | None]:
    """Return who calls: who has signed it, or, as in CloudStack, whose session it is if it is not signed at all."""
    if "signature" in request.named or "apikey" in request.named or request.session_id is None:
        return authenticate(session, request.parameters, find), None
    shown = Credentials(request.session_id, request.named.get(SESSION_KEY, ""))
    return authenticate_session(session, shown), shown


def _refuse_unknown_ids(session: Session, command: Command, arguments: Arguments) -> None:
    """Refuse ids that name nothing, as CloudStack does before a command runs; raises `BadParameter`."""
    for parameter in command.parameters:
        ids = arguments.uuids(parameter.name) if parameter.entity else ()
        known = known_ids(session, parameter.entity, ids) if parameter.entity and ids else set()
        unknown = next((one for one in ids if one not in known), None)
        if unknown:
            raise unknown_id(command.name, parameter.name, unknown)
