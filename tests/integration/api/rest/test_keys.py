"""Keys and tokens over `/api/v1`: made, used, revoked; and the trail of all that."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cs import CloudStack, CloudStackApiException

pytestmark = pytest.mark.integration

RestAs = Callable[..., httpx.Client]


def make(rest: httpx.Client, role: str = "operator") -> dict[str, Any]:
    answer = rest.post("/keys", json={"name": f"key {uuid4()}", "role": role})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_key_works_until_it_is_revoked(rest: httpx.Client, rest_as: RestAs, api: SimpleNamespace) -> None:
    key = make(rest)
    client = CloudStack(endpoint=api.url, key=key["api_key"], secret=key["secret_key"])
    assert client.listZones() is not None
    token = rest.post(f"/keys/{key['id']}/tokens", json={"lasts_seconds": 60}).json()
    with_token = rest_as(token=token["token"])
    assert with_token.get("/zones").status_code == 200
    (shown,) = rest.get(f"/keys/{key['id']}/tokens").json()["items"]
    assert shown == {name: value for name, value in token.items() if name != "token"}
    assert rest.delete(f"/keys/{key['id']}").status_code == 204
    assert with_token.get("/zones").status_code == 401
    with pytest.raises(CloudStackApiException):
        client.listZones()
    assert rest.delete(f"/keys/{key['id']}").status_code == 404
    assert rest.post(f"/keys/{key['id']}/tokens", json={}).status_code == 404


def test_a_token_is_revoked_by_itself(rest: httpx.Client, rest_as: RestAs) -> None:
    key = make(rest, "read-only")
    first, second = (rest.post(f"/keys/{key['id']}/tokens", json={}).json() for _ in range(2))
    assert rest.delete(f"/tokens/{first['id']}").status_code == 204
    assert [rest_as(token=it["token"]).get("/zones").status_code for it in (first, second)] == [401, 200]
    assert rest.delete(f"/tokens/{first['id']}").status_code == 404


def test_what_is_made_is_told_once(rest: httpx.Client, api: SimpleNamespace) -> None:
    key = make(rest)
    token = rest.post(f"/keys/{key['id']}/tokens", json={}).json()["token"]
    everything = "".join(rest.get(path).text for path in ("/keys", f"/keys/{key['id']}/tokens", "/audit"))
    everything += "".join(api.log)
    assert key["name"] in everything
    for secret in (key["secret_key"], key["api_key"], token):
        assert secret not in everything


def test_a_name_is_given_once_and_the_own_key_stays(rest: httpx.Client) -> None:
    key = make(rest)
    again = rest.post("/keys", json={"name": key["name"], "role": "admin"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:vrelocate:problem:name-taken")
    own = next(it for it in rest.get("/keys").json()["items"] if it["name"] == "the admin")
    refused = rest.delete(f"/keys/{own['id']}")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:vrelocate:problem:in-use")
    assert rest.get("/keys").status_code == 200


def test_who_is_not_an_admin_makes_none(rest: httpx.Client, rest_as: RestAs) -> None:
    key = make(rest)
    for role in ("operator", "read-only"):
        client = rest_as(role)
        assert client.post("/keys", json={"name": "x", "role": "admin"}).status_code == 403
        assert client.post(f"/keys/{key['id']}/tokens", json={}).status_code == 403
        assert client.delete(f"/keys/{key['id']}").status_code == 403
        assert client.get("/keys").status_code == 200


def test_the_trail_tells_who_changed_what(rest: httpx.Client, client: CloudStack, landscape: SimpleNamespace) -> None:
    """At both endpoints, newest first, page after page."""
    key = make(rest)
    tags = ["silver", "backup"]
    assert rest.patch(f"/pools/{landscape.wide.id}", json={"own_tags": tags}).json()["own_tags"] == sorted(tags)
    client.updateStoragePool(id=str(landscape.wide.id), tags="")
    offering = rest.post("/offerings", json={"name": f"offering {uuid4()}", "tags": ["fast"]}).json()
    assert rest.delete(f"/keys/{key['id']}").status_code == 204
    lines: list[dict[str, Any]] = []
    cursor = None
    while cursor or not lines:
        page = rest.get("/audit", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        lines += page["items"]
        cursor = page["next_cursor"]
        if len(lines) > 6:
            break
    ours = [it for it in lines if it["resource_id"] in {key["id"], offering["id"], str(landscape.wide.id)}]
    assert [it["action"] for it in ours] == ["key.revoke", "offering.create", "pool.tag", "pool.tag", "key.create"]
    assert {it["key"] for it in ours} == {"the admin"}
    assert [it["detail"]["tags"] for it in ours if it["action"] == "pool.tag"] == [[], sorted(tags)]
    of_key = rest.get("/audit", params={"resource_id": key["id"], "action": "key.create"}).json()["items"]
    assert [it["detail"] for it in of_key] == [{"name": key["name"], "role": "operator"}]


def test_a_change_is_not_made_of_what_was_not_seen(rest: httpx.Client, landscape: SimpleNamespace) -> None:
    path = f"/pools/{landscape.wide.id}"
    first = rest.get(path).headers["etag"]
    assert rest.patch(path, json={"own_tags": ["one"]}, headers={"If-Match": first}).status_code == 200
    late = rest.patch(path, json={"own_tags": ["two"]}, headers={"If-Match": first})
    assert (late.status_code, late.json()["type"]) == (412, "urn:vrelocate:problem:changed-meanwhile")
    now = rest.get(path)
    assert now.json()["own_tags"] == ["one"]
    again = rest.patch(path, json={"own_tags": []}, headers={"If-Match": now.headers["etag"]})
    assert again.json()["own_tags"] == []
    assert rest.patch(path, json={"own_tags": ["a,b"]}).status_code == 422


def test_an_offering_is_made_and_assigned(rest: httpx.Client, landscape: SimpleNamespace) -> None:
    offering = rest.post("/offerings", json={"name": f"offering {uuid4()}"}).json()
    assert offering["display_text"] == offering["name"]
    path = f"/volumes/{landscape.spare.id}/offering"
    assert rest.put(path, json={"offering_id": offering["id"]}).json()["offering"]["id"] == offering["id"]
    assert rest.put(path, json={"offering_id": str(uuid4())}).status_code == 404
    changed = rest.patch(f"/offerings/{offering['id']}", json={"display_text": "Gold", "name": None})
    assert changed.json() == {**offering, "display_text": "Gold"}
    lacking = rest.patch(f"/offerings/{offering['id']}", json={"tags": ["nowhere"]})
    assert (lacking.status_code, lacking.json()["type"]) == (409, "urn:vrelocate:problem:tags-missing")
    assert rest.get(f"/offerings/{offering['id']}").json()["tags"] == []
    again = rest.post("/offerings", json={"name": offering["name"]})
    assert (again.status_code, again.json()["type"]) == (409, "urn:vrelocate:problem:name-taken")
    wrong = rest.delete("/offerings")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
