"""From a request's parameters to a response: who asks, what for, may they, is it well-formed, what is the answer.

Every outcome is an answer in CloudStack's envelope; nothing here raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.access.audit import acting, user
from app.access.keys import REFUSED, Caller, authenticate
from app.access.replays import once
from app.access.roles import Role, allows
from app.access.sessions import Credentials, authenticate_session, open_session
from app.access.signature import parse_expires
from app.access.throttle import count_call
from app.api.cloudstack.command import Call, Command
from app.api.cloudstack.entities import known_ids
from app.api.cloudstack.envelope import Content, Format, render, wrapper_of
from app.api.cloudstack.failures import INTERNAL, Failure, failure_of
from app.api.cloudstack.parameters import Arguments, parse, refuse_unprintable, unknown_id
from app.api.cloudstack.registry import SERVED
from app.api.cloudstack.sessions import LOGIN, LOGOUT, SESSION_ID, SESSION_KEY
from app.db import as_one, transaction
from app.errors import NotAuthenticated, PermissionDenied, UnsupportedCommand
from app.telemetry import logger
from app.visibility import limited_to

_UNKNOWN_WRAPPER = "errorresponse"
_OK = 200
_LOOKING = ("list", "query", "get")
"""Verbs of commands that do nothing but read from our database."""

log = logger(__name__)


@dataclass(frozen=True)
class Reply:
    """An HTTP response, without a word of HTTP's library."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str | None] = field(default_factory=dict)
    """What the client is to send from now on; `None`: no more."""


def answer(parameters: Mapping[str, str], session_id: str | None = None) -> Reply:
    """Answer a request; `parameters` have their names as the client wrote them, because they are signed so.

    `session_id` is what the client's cookie holds.
    """
    named = {name.lower(): value for name, value in parameters.items()}
    form = Format.named(named.get("response"))
    command = SERVED.get(named.get("command", ""))
    try:
        content, cookies = _perform(command, parameters, named, session_id)
        return _reply(_OK, command, content, form, cookies=cookies)
    except Exception as error:  # noqa: BLE001  # whatever it is, the client gets an envelope and the log the rest
        failure = _explained(error, named.get("command"))
        return _reply(failure.code, command, failure.content, form, failure.headers)


def changes(parameters: Mapping[str, str]) -> bool:
    """Say whether a request asks for a change: what only looks waits in a line of its own."""
    name = next((value for name, value in parameters.items() if name.lower() == "command"), "")
    return name in SERVED and not allows(Role.READ_ONLY, name)


def refuse(error: Exception, parameters: Mapping[str, str] | None = None) -> Reply:
    """Answer a request that could not even be read, or that is not looked at now, without doing anything."""
    named = {name.lower(): value for name, value in (parameters or {}).items()}
    failure = _explained(error, named.get("command"))
    command, form = SERVED.get(named.get("command", "")), Format.named(named.get("response"))
    return _reply(failure.code, command, failure.content, form, failure.headers)


def _perform(
    command: Command | None, parameters: Mapping[str, str], named: Mapping[str, str], session_id: str | None
) -> tuple[Content, dict[str, str | None]]:
    """Return the content of the answer, and the cookies that change with it."""
    if command is not None and command.name == LOGIN:
        return _log_in(command, parameters, named)
    with transaction() as session:
        caller, shown = _caller(session, parameters, named, session_id)
        count_call(caller.user_id)
        if "command" not in named:
            raise UnsupportedCommand("Invalid request, no command sent")
        if command is None:
            # CloudStack's answer to a signed call of a command that it does not know.
            raise NotAuthenticated(REFUSED)
        if not allows(caller.role, command.name):
            raise PermissionDenied(f"The key {caller.key_name} has the role {caller.role}: it may not {command.name}")
        refuse_unprintable(parameters)
        arguments = parse(command.name, command.parameters, named)
        with limited_to(caller.zone_ids):
            _refuse_unknown_ids(session, command, arguments)
            call = Call(caller, arguments, SERVED, shown)
            if command.name.startswith(_LOOKING):
                with as_one(session):
                    return command.run(call), {}
    with acting(user(caller.user_id)), limited_to(caller.zone_ids), _used_once(named):
        content = command.run(call)
    if not allows(Role.READ_ONLY, command.name):
        job_id = str(content["jobid"]) if command.is_async else None
        log.info("api.called", command=command.name, by=caller.key_name, job_id=job_id)
    return content, {SESSION_ID: None, SESSION_KEY: None} if command.name == LOGOUT else {}


def _used_once(named: Mapping[str, str]) -> AbstractContextManager[None]:
    """Let what a request changes be the one use of its signature, if that expires: else it could be used for ever."""
    if named.get("signatureversion") != "3" or "signature" not in named:
        return nullcontext()
    return once(named["signature"], parse_expires(named["expires"]))


def _caller(
    session: Session, parameters: Mapping[str, str], named: Mapping[str, str], session_id: str | None
) -> tuple[Caller, Credentials | None]:
    """Return who calls: who has signed it, or, as in CloudStack, whose session it is if it is not signed at all."""
    if "signature" in named or "apikey" in named or session_id is None:
        return authenticate(session, parameters), None
    shown = Credentials(session_id, named.get(SESSION_KEY, ""))
    return authenticate_session(session, shown), shown


def _log_in(
    command: Command, parameters: Mapping[str, str], named: Mapping[str, str]
) -> tuple[Content, dict[str, str | None]]:
    refuse_unprintable(parameters)
    arguments = parse(command.name, command.parameters, named)
    with transaction() as session:
        name, secret = arguments.required_text("username"), arguments.required_text("password")
        caller, opened = open_session(session, name, secret)
        count_call(caller.user_id)
        content = command.run(Call(caller, arguments, SERVED, opened))
    return content, {SESSION_ID: opened.session_id, SESSION_KEY: opened.session_key}


def _refuse_unknown_ids(session: Session, command: Command, arguments: Arguments) -> None:
    """Refuse ids that name nothing, as CloudStack does before a command runs; raises `BadParameter`."""
    for parameter in command.parameters:
        ids = arguments.uuids(parameter.name) if parameter.entity else ()
        known = known_ids(session, parameter.entity, ids) if parameter.entity and ids else set()
        unknown = next((one for one in ids if one not in known), None)
        if unknown:
            raise unknown_id(command.name, parameter.name, unknown)


def _explained(error: Exception, command: str | None) -> Failure:
    failure = failure_of(error)
    if failure is None:
        log.error("api.failed", command=command, exc_info=error)
        return INTERNAL
    log.info("api.refused", command=command, code=failure.code, reason=failure.text)
    return failure


def _reply(  # all that a reply is made of
    status: int,
    command: Command | None,
    content: Content,
    form: Format,
    headers: dict[str, str] | None = None,
    *,
    cookies: dict[str, str | None] | None = None,
) -> Reply:
    wrapper = wrapper_of(command.name) if command else _UNKNOWN_WRAPPER
    return Reply(status, form.value, render(wrapper, content, form), headers or {}, cookies or {})
