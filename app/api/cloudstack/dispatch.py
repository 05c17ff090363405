"""From a request to a response: who asks, what for, may they, is it well-formed, what is the answer.

Every outcome is an answer in CloudStack's envelope; nothing here raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache, partial

from app.access.audit import acting, user
from app.access.queries import find_key
from app.access.replays import once
from app.access.roles import Role, allows
from app.access.sessions import open_session
from app.access.signature import parse_expires
from app.access.throttle import count_call
from app.api.cloudstack.command import Call, Command
from app.api.cloudstack.envelope import Content, Format, render, wrapper_of
from app.api.cloudstack.failures import INTERNAL, Failure, failure_of
from app.api.cloudstack.registry import SERVED
from app.api.cloudstack.requests import Request, admit, arguments_of
from app.api.cloudstack.sessions import LOGIN, LOGOUT, SESSION_ID, SESSION_KEY
from app.db import as_one, transaction
from app.errors import DatabaseUnavailable, VrelocateError
from app.jobs.queries import get_jobs
from app.telemetry import logger
from app.visibility import limited_to

_UNKNOWN_WRAPPER = "errorresponse"
_OK = 200

Cookies = dict[str, str | None]
"""What the client is to send from now on; `None`: no more."""
Outcome = tuple[Content, Cookies]
"""The content of an answer, and the cookies that change with it."""

log = logger(__name__)


@dataclass(frozen=True)
class Reply:
    """An HTTP response, without a word of HTTP's library."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cookies: Cookies = field(default_factory=dict)


def answer(request: Request) -> Reply:
    """Answer a request."""
    return _answered(request, partial(_perform, request))


def answer_polls(requests: Sequence[Request]) -> list[Reply]:
    """Answer several polls, as `answer` does each of them, for little more than one costs.

    They share a connection, and keys and jobs are read once. For a caller who is limited to zones a job is read anew:
    what was read for others is not narrowed.
    """
    replies: dict[int, Reply] = {}
    admitted: dict[int, tuple[Command, Call]] = {}
    try:
        with transaction(reads=True) as session:
            find = cache(partial(find_key, session))
            for place, request in enumerate(requests):
                try:
                    admitted[place] = admit(session, request, find)
                except VrelocateError as error:
                    replies[place] = refuse(error, request)
            free = {place: it for place, it in admitted.items() if it[1].caller.zone_ids is None}
            ids = {job_id for _, call in free.values() if (job_id := call.arguments.uuid("jobid")) is not None}
            _known = get_jobs(session, ids)  # the session finds these again as long as somebody holds them
            with as_one(session):
                for place, (command, call) in free.items():
                    try:
                        replies[place] = _reply(_OK, requests[place], command.run(call))
                    except VrelocateError as error:
                        replies[place] = refuse(error, requests[place])
    except DatabaseUnavailable as error:
        replies |= {place: refuse(error, it) for place, it in enumerate(requests) if place not in replies}
    except Exception as error:  # one that nobody has foreseen spoils none but its own answer
        log.warning("api.polls_apart", exc_info=error)
    for place, (command, call) in admitted.items():
        if place not in replies:
            replies[place] = _answered(requests[place], partial(_look, command, call))
    return [replies[place] if place in replies else answer(it) for place, it in enumerate(requests)]


def refuse(error: Exception, request: Request | None = None) -> Reply:
    """Answer a request that could not even be read, that is not looked at now, or that has failed."""
    request = request or Request({})
    failure = _explained(error, request.named.get("command"))
    return _reply(failure.code, request, failure.content, headers=failure.headers)


def _answered(request: Request, act: Callable[[], Outcome]) -> Reply:
    try:
        content, cookies = act()
        return _reply(_OK, request, content, cookies=cookies)
    except Exception as error:  # noqa: BLE001  # whatever it is, the client gets an envelope and the log the rest
        return refuse(error, request)


def _perform(request: Request) -> Outcome:
    if request.command is not None and request.command.name == LOGIN:
        return _log_in(request.command, request)
    with transaction(reads=request.looks) as session:
        command, call = admit(session, request)
        if request.looks:
            with limited_to(call.caller.zone_ids), as_one(session):
                return command.run(call), {}
    with acting(user(call.caller.user_id)), limited_to(call.caller.zone_ids), _used_once(request):
        content = command.run(call)
    if not allows(Role.READ_ONLY, command.name):
        job_id = str(content["jobid"]) if command.is_async else None
        log.info("api.called", command=command.name, by=call.caller.key_name, job_id=job_id)
    return content, {SESSION_ID: None, SESSION_KEY: None} if command.name == LOGOUT else {}


def _look(command: Command, call: Call) -> Outcome:
    with transaction(reads=True) as session, limited_to(call.caller.zone_ids), as_one(session):
        return command.run(call), {}


def _used_once(request: Request) -> AbstractContextManager[None]:
    """Let what a request changes be the one use of its signature, if that expires: else it could be used for ever."""
    if request.named.get("signatureversion") != "3" or "signature" not in request.named:
        return nullcontext()
    return once(request.named["signature"], parse_expires(request.named["expires"]))


def _log_in(command: Command, request: Request) -> Outcome:
    arguments = arguments_of(command, request)
    with transaction() as session:
        name, secret = arguments.required_text("username"), arguments.required_text("password")
        caller, opened = open_session(session, name, secret)
        count_call(caller.user_id)
        content = command.run(Call(caller, arguments, SERVED, opened))
    return content, {SESSION_ID: opened.session_id, SESSION_KEY: opened.session_key}


def _explained(error: Exception, command: str | None) -> Failure:
    failure = failure_of(error)
    if failure is None:
        log.error("api.failed", command=command, exc_info=error)
        return INTERNAL
    log.info("api.refused", command=command, code=failure.code, reason=failure.text)
    return failure


def _reply(
    status: int,
    request: Request,
    content: Content,
    *,
    headers: dict[str, str] | None = None,
    cookies: Cookies | None = None,
) -> Reply:
    wrapper = wrapper_of(request.command.name) if request.command else _UNKNOWN_WRAPPER
    form: Format = request.format
    return Reply(status, form.value, render(wrapper, content, form), headers or {}, cookies or {})
