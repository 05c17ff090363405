"""`login` and `logout`: sessions, as CloudMonkey and browsers have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from defusedxml.ElementTree import fromstring
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.access.keys import create_key, revoke_key
from app.access.models import AuditEntry, LoginSession
from app.access.roles import Role
from app.api.cloudstack.ownership import DOMAIN_ID
from app.api.cloudstack.registry import SERVED
from app.db import utc_now
from app.settings import settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside")]


class Browser:
    """A client that keeps cookies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(timeout=30, trust_env=False)
        self.key = ""

    def logs_in(self, name: str, secret: str, **more: str) -> httpx.Response:
        form = {"command": "login", "username": name, "password": secret, "response": "json", **more}
        answer = self.http.post(self.url, data=form)
        if answer.status_code == 200:
            self.key = answer.json()["loginresponse"]["sessionkey"]
        return answer

    def calls(self, command: str, **more: str) -> httpx.Response:
        asked = {"command": command, "response": "json", "sessionkey": self.key, **more}
        return self.http.get(self.url, params={name: value for name, value in asked.items() if value})


@pytest.fixture
def browser(api: SimpleNamespace) -> Iterator[Callable[[], Browser]]:
    opened: list[Browser] = []

    def open_one() -> Browser:
        opened.append(Browser(api.url))
        return opened[-1]

    yield open_one
    for each in opened:
        each.http.close()


@pytest.fixture
def somebody(session: Session) -> SimpleNamespace:
    """A reader with a name and a secret."""
    key, secret = create_key(session, f"somebody {uuid4()}", Role.READ_ONLY)
    session.commit()
    return SimpleNamespace(id=key.id, name=key.name, secret=secret)


def trail(session: Session, key_id: UUID) -> list[tuple[str, str]]:
    lines = session.scalars(select(AuditEntry).where(AuditEntry.resource_id == key_id).order_by(AuditEntry.id))
    found = [(line.action, line.actor) for line in lines if line.action.startswith("user.")]
    session.rollback()
    return found


def test_who_logs_in_is_known_until_they_log_out(
    browser: Callable[[], Browser], somebody: SimpleNamespace, session: Session
) -> None:
    client = browser()
    answer = client.logs_in(somebody.name, somebody.secret)
    told: dict[str, Any] = answer.json()["loginresponse"]
    assert told == {
        "username": somebody.name, "userid": str(somebody.id), "domainid": str(DOMAIN_ID), "timeout": 1800,
        "account": somebody.name, "firstname": somebody.name, "lastname": "", "type": "1", "timezone": "UTC",
        "sessionkey": client.key, "registered": "true",
    }  # fmt: skip
    cookies = answer.headers.get_list("set-cookie")
    assert [it.partition("=")[0] for it in cookies] == ["JSESSIONID", "sessionkey"]
    assert all("HttpOnly" in it and "SameSite=strict" in it and "Path=/client" in it for it in cookies)
    assert client.http.cookies["sessionkey"] == client.key
    assert client.calls("listCapabilities").status_code == 200
    # The role is the key's.
    assert client.calls("updateStoragePool", id=str(uuid4())).status_code == 531
    left = client.calls("logout")
    assert left.json() == {"logoutresponse": {"description": "success"}}
    assert "JSESSIONID" not in client.http.cookies
    assert client.calls("listCapabilities").status_code == 401
    actor = f"user:{somebody.id}"
    assert trail(session, somebody.id) == [("user.login", actor), ("user.logout", actor)]


def test_a_session_that_was_ended_is_of_no_use_to_who_has_kept_its_cookies(
    browser: Callable[[], Browser], somebody: SimpleNamespace
) -> None:
    client, thief = browser(), browser()
    client.logs_in(somebody.name, somebody.secret)
    thief.http.cookies.update(client.http.cookies)
    thief.key = client.key
    assert thief.calls("listCapabilities").status_code == 200
    client.calls("logout")
    assert thief.calls("listCapabilities").status_code == 401


@pytest.mark.parametrize("key", ["", "x", "ü"])
def test_the_cookie_alone_is_not_enough(browser: Callable[[], Browser], somebody: SimpleNamespace, key: str) -> None:
    client = browser()
    client.logs_in(somebody.name, somebody.secret)
    client.key = key
    assert client.calls("listCapabilities").status_code == 401
    other = browser()
    other.logs_in(somebody.name, somebody.secret)
    client.key = other.key
    assert client.calls("listCapabilities").status_code == 401, "another session's key"


def test_wrong_credentials_all_get_the_same_answer(
    browser: Callable[[], Browser], somebody: SimpleNamespace, session: Session
) -> None:
    gone, gone_secret = create_key(session, f"gone {uuid4()}")
    revoke_key(session, gone.name)
    session.commit()
    for name, secret in (
        (somebody.name, "x"),
        (somebody.name, "ü"),
        ("nobody", somebody.secret),
        (gone.name, gone_secret),
    ):
        answer = browser().logs_in(name, secret)
        assert (answer.status_code, answer.json()["loginresponse"]["errortext"]) == (
            531,
            f"Failed to authenticate user {name}; please provide valid credentials",
        )
        assert "set-cookie" not in answer.headers
    assert browser().logs_in(somebody.name, somebody.secret, domain="/elsewhere").status_code == 531
    for domain in ("/", "ROOT", ""):
        assert browser().logs_in(somebody.name, somebody.secret, domain=domain).status_code == 200
    assert browser().logs_in("", "").status_code == 531
    missing = browser().http.post(f"{browser().url}", data={"command": "login", "response": "json"})
    assert "missing parameter username" in missing.json()["loginresponse"]["errortext"]


def test_a_password_in_a_url_is_refused_and_not_logged(api: SimpleNamespace, somebody: SimpleNamespace) -> None:
    sent = {"command": "login", "username": somebody.name, "Password": somebody.secret}
    for method in ("GET", "POST"):
        answer = httpx.request(method, api.url, params=sent, timeout=30, trust_env=False)
        assert answer.status_code == 430
        assert "in a form, by POST" in answer.text
    api.logged("in a form, by POST")
    assert not any(somebody.secret in line for line in api.log)


def test_a_session_ends_when_it_is_not_used(
    browser: Callable[[], Browser], somebody: SimpleNamespace, session: Session
) -> None:
    client, second = browser(), browser()
    client.logs_in(somebody.name, somebody.secret)

    def last_used(seconds_ago: float) -> None:
        of_them = LoginSession.key_id == somebody.id
        session.execute(update(LoginSession).where(of_them).values(used_at=utc_now() - timedelta(seconds=seconds_ago)))
        session.commit()

    last_used(settings().session_seconds - 30)
    assert client.calls("listCapabilities").status_code == 200
    used_at = session.scalars(select(LoginSession.used_at).where(LoginSession.key_id == somebody.id)).one()
    session.rollback()
    assert utc_now() - used_at < timedelta(seconds=30), "it was used, so it lasts"
    last_used(settings().session_seconds + 1)
    assert client.calls("listCapabilities").status_code == 401
    second.logs_in(somebody.name, somebody.secret)
    rows = session.scalars(select(LoginSession).where(LoginSession.key_id == somebody.id)).all()
    session.rollback()
    assert len(rows) == 1, "what has lapsed is gone"
    assert second.key.encode() not in rows[0].key_hash


def test_a_session_ends_with_its_key(
    browser: Callable[[], Browser], somebody: SimpleNamespace, session: Session
) -> None:
    client = browser()
    client.logs_in(somebody.name, somebody.secret)
    revoke_key(session, somebody.name)
    session.commit()
    assert client.calls("listCapabilities").status_code == 401


def test_a_signature_goes_before_a_session(
    browser: Callable[[], Browser], somebody: SimpleNamespace, keys: dict[str, tuple[str, str]]
) -> None:
    client = browser()
    client.logs_in(somebody.name, somebody.secret)
    assert client.calls("listCapabilities", apikey=keys["admin"][0], signature="x").status_code == 401


def test_without_a_session_and_without_a_signature_nothing_is_answered(browser: Callable[[], Browser]) -> None:
    for name in SERVED:
        if name != "login":
            assert browser().calls(name, sessionkey="x").status_code == 401, name


def test_as_xml(browser: Callable[[], Browser], somebody: SimpleNamespace) -> None:
    client = browser()
    answer = client.http.post(
        client.url, data={"command": "login", "username": somebody.name, "password": somebody.secret}
    )
    root = fromstring(answer.content)
    assert (root.tag, root.findtext("username")) == ("loginresponse", somebody.name)
