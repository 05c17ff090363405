"""vCenters over `/api/v1`: a real one is added, tried out, read, and given other credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.inventory.models import VCenter
from tests.running.vcenter import RunningVCenter

pytestmark = pytest.mark.integration

RestAs = Callable[..., httpx.Client]


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["type"].removeprefix("urn:vrelocate:problem:")


def asked(vcenter: RunningVCenter, **changes: object) -> dict[str, Any]:
    return {
        "name": f"vc {uuid4()}",
        "host": urlsplit(vcenter.url).hostname,
        "port": urlsplit(vcenter.url).port,
        "trust": {"kind": "thumbprint", "sha256": vcenter.thumbprint},
        "username": vcenter.username,
        "password": vcenter.password,
        **changes,
    }


@pytest.fixture
def added(rest: httpx.Client, simulated: RunningVCenter, session: Session) -> Iterator[dict[str, Any]]:
    answer = rest.post("/vcenters", json=asked(simulated))
    assert answer.status_code == 201, answer.text
    yield answer.json()
    session.rollback()
    session.execute(delete(VCenter).where(VCenter.id == UUID(answer.json()["id"])))
    session.commit()


def test_one_is_added_and_shown_without_its_password(
    rest: httpx.Client, added: dict[str, Any], simulated: RunningVCenter, session: Session
) -> None:
    assert (added["trust"], added["thumbprint"], added["username"]) == (
        "thumbprint", simulated.thumbprint, simulated.username,
    )  # fmt: skip
    assert rest.get(f"/vcenters/{added['id']}").json() == added
    assert added in rest.get("/vcenters").json()["items"]
    row = session.get_one(VCenter, UUID(added["id"]))
    assert simulated.password.encode() not in row.password_sealed
    assert simulated.password not in rest.get("/vcenters").text + rest.get("/audit").text
    assert problem(rest.post("/vcenters", json=asked(simulated, name=added["name"]))) == (409, "name-taken")


def test_what_does_not_work_is_not_kept(rest: httpx.Client, simulated: RunningVCenter) -> None:
    before = rest.get("/vcenters").json()
    wrong = {"kind": "thumbprint", "sha256": "00" * 32}
    for changes, told in (
        ({"password": "not this one"}, (422, "login-failed")),
        ({"trust": wrong}, (422, "certificate-refused")),
        ({"trust": {"kind": "authorities"}}, (422, "certificate-refused")),
        ({"port": 1}, (503, "unavailable")),
        ({"host": "169.254.169.254"}, (403, "address-not-allowed")),
        ({"host": "localhost"}, (403, "address-not-allowed")),
        ({"host": "vc.example/x"}, (422, "invalid-request")),
        ({"password": ""}, (422, "invalid-request")),
    ):
        answer = rest.post("/vcenters", json=asked(simulated, **changes))
        assert problem(answer) == told, changes
        assert "not this one" not in answer.text
    assert rest.get("/vcenters").json() == before


def test_it_is_tried_out(rest: httpx.Client, added: dict[str, Any], session: Session) -> None:
    tried = rest.post(f"/vcenters/{added['id']}/test").json()
    assert (tried["ok"], tried["error"]) == (True, None)
    assert tried["version"]
    session.get_one(VCenter, UUID(added["id"])).thumbprint = "00" * 32
    session.commit()
    tried = rest.post(f"/vcenters/{added['id']}/test").json()
    assert (tried["ok"], tried["version"]) == (False, None)
    assert "thumbprint" in tried["error"]


def test_a_sync_is_asked_for(rest: httpx.Client, added: dict[str, Any]) -> None:
    answer = rest.post(f"/vcenters/{added['id']}/sync")
    assert answer.status_code == 202
    assert datetime.fromisoformat(answer.json()["next_sync_at"]) > datetime.fromisoformat(added["next_sync_at"])


def test_credentials_are_changed_when_they_work(
    rest: httpx.Client, added: dict[str, Any], simulated: RunningVCenter, session: Session
) -> None:
    before = session.get_one(VCenter, UUID(added["id"])).password_sealed
    path = f"/vcenters/{added['id']}/credentials"
    assert problem(rest.put(path, json={"username": simulated.username, "password": "x"})) == (422, "login-failed")
    session.expire_all()
    assert session.get_one(VCenter, UUID(added["id"])).password_sealed == before
    # What the old one was sealed with may be lost: this is the way out.
    session.get_one(VCenter, UUID(added["id"])).password_sealed = b"x"
    session.commit()
    answer = rest.put(path, json={"username": simulated.username, "password": simulated.password})
    assert (answer.status_code, answer.json()["username"]) == (200, simulated.username)
    assert rest.post(f"/vcenters/{added['id']}/test").json()["ok"]
    changes = rest.get("/audit", params={"resource_id": added["id"]}).json()["items"]
    assert [(it["action"], it["key"]) for it in changes] == [
        ("vcenter.rotate-credentials", "the admin"), ("vcenter.add", "the admin"),
    ]  # fmt: skip


def test_another_vcenter_is_not_taken_for_it(
    rest: httpx.Client, added: dict[str, Any], simulated: RunningVCenter, session: Session
) -> None:
    session.get_one(VCenter, UUID(added["id"])).instance_uuid = str(uuid4())
    session.commit()
    body = {"username": simulated.username, "password": simulated.password}
    answer = rest.put(f"/vcenters/{added['id']}/credentials", json=body)
    assert problem(answer) == (422, "invalid-request")
    assert "another vCenter answers" in answer.json()["detail"]


def test_only_admins_change_them(rest_as: RestAs, added: dict[str, Any], simulated: RunningVCenter) -> None:
    operator, reader = rest_as("operator"), rest_as("read-only")
    assert problem(operator.post("/vcenters", json=asked(simulated))) == (403, "not-allowed")
    credentials = {"username": "u", "password": "p"}
    assert problem(operator.put(f"/vcenters/{added['id']}/credentials", json=credentials)) == (403, "not-allowed")
    assert operator.post(f"/vcenters/{added['id']}/test").json()["ok"]
    assert problem(reader.post(f"/vcenters/{added['id']}/test")) == (403, "not-allowed")
    assert reader.get(f"/vcenters/{added['id']}").status_code == 200
