"""Who may call `/api/v1`: every operation, with every kind of token and without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.access.keys import create_key, revoke_key
from app.access.models import BearerToken
from app.access.queries import all_tokens
from app.access.tokens import UNKNOWN, create_token, revoke_token
from app.errors import NotFound
from app.jobs.models import Job

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside")]

RestAs = Callable[..., httpx.Client]
WITHOUT_EFFECT = {("post", "/migrations/dry-run")}
"""What changes nothing, though it is posted."""


def operations(rest: httpx.Client) -> list[tuple[str, str]]:
    """Return method and path of everything that is served, as the description has them."""
    paths: dict[str, Any] = rest.get("/openapi.json").json()["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods]


def call(client: httpx.Client, operation: tuple[str, str], ids: Mapping[str, str]) -> httpx.Response:
    """Call an operation about things that exist; a migration is asked for of a volume that does not."""
    method, path = operation
    body = {"move": {"kind": "volume", "volume_id": str(uuid4()), "pool_id": ids["pool_id"]}}
    return client.request(method, path.format_map(ids), json=body if "/migrations" in path else None)


@pytest.fixture
def ids(job_id: str, landscape: SimpleNamespace, session: Session) -> dict[str, str]:
    """What stands in for each parameter of a path."""
    token, key = all_tokens(session)[0]
    found = {"job_id": job_id, "key_id": str(key.id), "token_id": str(token.id)}
    session.rollback()  # no transaction waits while everything is called
    things = {
        "zone_id": landscape.zone,
        "cluster_id": landscape.east,
        "host_id": landscape.esx1,
        "pool_id": landscape.new,
        "virtual_machine_id": landscape.web,
        "volume_id": landscape.loose,
        "offering_id": landscape.gold,
        "vcenter_id": landscape.vcenter,
    }
    return found | {name: str(thing.id) for name, thing in things.items()}


def state_of(session: Session, job_id: str) -> tuple[object, ...]:
    job = session.get_one(Job, UUID(job_id), populate_existing=True)
    found = job.state, job.stop_wish, job.updated_at
    session.rollback()
    return found


def test_nothing_is_served_without_a_valid_token(rest_as: RestAs, session: Session, ids: dict[str, str]) -> None:
    served = operations(rest_as())
    assert len(served) >= 40
    before = state_of(session, ids["job_id"])
    for token in (None, "vrl_" + "x" * 64, "vrl_ü", "x y"):
        client = rest_as(token=token) if token is None or token.isascii() else rest_as()
        if token is not None and not token.isascii():
            client.headers["Authorization"] = f"Bearer {token}".encode().decode("latin-1")
        for operation in served:
            answer = call(client, operation, ids)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), operation
            assert answer.json() == {
                "type": "urn:vrelocate:problem:not-authenticated",
                "title": "Who calls is not known",
                "status": 401,
                "detail": UNKNOWN,
            }
    assert state_of(session, ids["job_id"]) == before


def test_a_read_only_token_reads_and_changes_nothing(rest_as: RestAs, session: Session, ids: dict[str, str]) -> None:
    client = rest_as("read-only")
    before = state_of(session, ids["job_id"])
    for operation in operations(client):
        answer = call(client, operation, ids)
        expected = 200 if operation[0] == "get" else 404 if operation in WITHOUT_EFFECT else 403
        assert answer.status_code == expected, (operation, answer.text)
    assert state_of(session, ids["job_id"]) == before


def test_an_operator_cancels_and_tries_again(rest_as: RestAs, job_id: str) -> None:
    client = rest_as("operator")
    assert client.post(f"/jobs/{job_id}/cancel").json()["stop"]["by"].startswith("user:")
    assert client.post(f"/jobs/{job_id}/retry").status_code == 202
    events = client.get(f"/jobs/{job_id}/events").json()["items"]
    assert [it["account"] for it in events] == ["the admin", *["the operator"] * 3]


def test_a_token_ends_with_its_time_its_key_or_by_itself(rest_as: RestAs, session: Session) -> None:
    name = f"key {uuid4()}"
    create_key(session, name)
    with pytest.raises(NotFound):
        create_token(session, "nobody")
    lasting, text = create_token(session, name, 3600)
    other, other_text = create_token(session, name)
    _third, third_text = create_token(session, name)
    session.commit()
    assert lasting.expires_at is not None
    assert timedelta(minutes=59) < lasting.expires_at - datetime.now(UTC) < timedelta(minutes=61)
    status = lambda token: rest_as(token=token).get("/jobs?limit=1").status_code  # noqa: E731  # said three times below
    assert [status(it) for it in (text, other_text, third_text)] == [200, 200, 200]
    session.execute(
        update(BearerToken)
        .where(BearerToken.id == lasting.id)
        .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    )
    revoke_token(session, other.id)
    session.commit()
    assert [status(it) for it in (text, other_text, third_text)] == [401, 401, 200]
    with pytest.raises(NotFound):
        revoke_token(session, other.id)
    revoke_key(session, name)
    session.commit()
    assert [status(it) for it in (text, other_text, third_text)] == [401, 401, 401]
    with pytest.raises(NotFound):
        create_token(session, name)


def test_a_token_is_not_kept_and_not_told(rest_as: RestAs, session: Session, api: SimpleNamespace) -> None:
    name = f"key {uuid4()}"
    create_key(session, name)
    token, text = create_token(session, name)
    session.commit()
    assert (token, name) in [(one, key.name) for one, key in all_tokens(session)]
    assert text.encode() not in token.token_hash
    rest_as(token=text).get("/jobs")
    rest_as(token=text).post(f"/jobs/{uuid4()}/cancel")
    api.logged('"event": "api.refused"')
    assert not any(text in line for line in api.log)
