"""Sessions: `login`, `logout`. The user name is that of a key, and the password is the key's secret."""

from __future__ import annotations

from dataclasses import dataclass

from app.access.keys import Caller
from app.access.sessions import close_session
from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.ownership import DOMAIN, DOMAIN_ID
from app.api.cloudstack.parameters import Kind, Parameter
from app.api.cloudstack.shapes import Field, Shape
from app.db import transaction
from app.errors import PermissionDenied
from app.settings import settings

SESSION_ID, SESSION_KEY = "JSESSIONID", "sessionkey"
"""The cookies; every call carries the second one's value as a parameter too."""
LOGIN, LOGOUT = "login", "logout"
_ADMIN_TYPE = "1"
_DOMAINS = ("", "/", DOMAIN.lower(), f"/{DOMAIN.lower()}")


@dataclass(frozen=True)
class Entered:
    """Somebody who has logged in."""

    caller: Caller
    session_key: str


ENTERED = Shape[Entered](
    "login",
    (
        Field("username", "string", "Username", lambda it: it.caller.key_name),
        Field("userid", "string", "User ID", lambda it: it.caller.user_id),
        Field("domainid", "string", "Domain ID that the user belongs to", lambda _: DOMAIN_ID),
        Field(
            "timeout", "integer", "the seconds after which an unused session ends", lambda _: settings().session_seconds
        ),
        Field("account", "string", "the account name the user belongs to", lambda it: it.caller.key_name),
        Field("firstname", "string", "first name of the user", lambda it: it.caller.key_name),
        Field("lastname", "string", "last name of the user: empty", lambda _: ""),
        Field("type", "string", "the account type (admin, domain-admin, user)", lambda _: _ADMIN_TYPE),
        Field("timezone", "string", "user time zone: all times are in UTC", lambda _: "UTC"),
        Field("sessionkey", "string", "Session key that every call carries", lambda it: it.session_key),
        Field("registered", "string", "Is user registered", lambda _: "true"),
    ),
)
LEFT = Shape[None]("logout", (Field("description", "string", "Response description", lambda _: "success"),))


@command(
    LOGIN,
    "Logs a user into CloudStack: a session begins, in a cookie. By POST alone: URLs end up in logs.",
    response=ENTERED,
    parameters=(
        Parameter("username", Kind.STRING, "Username: the name of a key", required=True),
        Parameter("password", Kind.STRING, "Password: the secret of that key", required=True),
        Parameter("domain", Kind.STRING, f"Path of the domain: / or {DOMAIN}"),
        Parameter("domainid", Kind.UUID, "has no effect: there is one domain"),
    ),
)
def login_command(call: Call) -> Content:
    """Answer `login`, when the session is opened; raises `PermissionDenied` for another domain."""
    domain = call.arguments.text("domain") or ""
    if domain.lower() not in _DOMAINS:
        raise PermissionDenied(f"Unable to find the domain from the path {domain}")
    return ENTERED.render(Entered(call.caller, call.shown.session_key if call.shown else ""))


@command(LOGOUT, "Logs out the user: the session ends.", response=LEFT)
def logout_command(call: Call) -> Content:
    """Answer `logout`; who has signed the call has no session to end."""
    if call.shown is not None:
        with transaction() as session:
            close_session(session, call.shown.session_id)
    return LEFT.render(None)


COMMANDS = (login_command, logout_command)
