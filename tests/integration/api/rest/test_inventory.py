"""The inventory under `/api/v1`: shown, narrowed, and read page after page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest

pytestmark = pytest.mark.integration

LISTS = ("zones", "clusters", "hosts", "pools", "virtual-machines", "volumes", "offerings")


def names(rest: httpx.Client, path: str, **asked: object) -> list[str]:
    answer = rest.get(path, params={name: str(value) for name, value in asked.items()})
    assert answer.status_code == 200, answer.text
    return [it["name"] for it in answer.json()["items"]]


@pytest.mark.parametrize("path", LISTS)
def test_page_after_page_is_the_whole_list(rest: httpx.Client, landscape: SimpleNamespace, path: str) -> None:
    assert landscape
    everything = rest.get(f"/{path}").json()
    assert everything["next_cursor"] is None
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = rest.get(f"/{path}", params={"limit": 1, **({"cursor": cursor} if cursor else {})}).json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert items == everything["items"]
    assert len({it["id"] for it in items}) == len(items) > 0
    gone = rest.get(f"/{path}", params={"cursor": str(uuid4())})
    assert (gone.status_code, "begin anew" in gone.json()["detail"]) == (404, True)


@pytest.mark.parametrize("path", LISTS)
def test_one_of_them_and_whether_it_has_changed(rest: httpx.Client, landscape: SimpleNamespace, path: str) -> None:
    assert landscape
    for item in rest.get(f"/{path}").json()["items"]:
        answer = rest.get(f"/{path}/{item['id']}")
        assert answer.json() == item
        known = {"If-None-Match": f'"x", {answer.headers["etag"]}'}
        unchanged = rest.get(f"/{path}/{item['id']}", headers=known)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == answer.headers["etag"]
        assert rest.get(f"/{path}/{item['id']}", headers={"If-None-Match": 'W/"x"'}).status_code == 200
    unknown = rest.get(f"/{path}/{uuid4()}")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:vrelocate:problem:not-found")


def test_filters(rest: httpx.Client, landscape: SimpleNamespace) -> None:
    it = landscape
    assert names(rest, "/clusters", zone_id=it.zone.id) == ["east", "west"]
    assert names(rest, "/clusters", zone_id=uuid4()) == []
    assert names(rest, "/hosts", cluster_id=it.east.id) == ["esx1", "esx2"]
    assert names(rest, "/pools", cluster_id=it.west.id, scope="CLUSTER") == ["far"]
    assert names(rest, "/pools", keyword="OL") == ["old"]
    assert names(rest, "/virtual-machines", power_state="poweredOn") == ["db-1"]
    assert names(rest, "/virtual-machines", pool_id=it.old.id) == ["asleep", "web-1"]
    assert names(rest, "/virtual-machines", host_id=it.esx1.id, name="web-1") == ["web-1"]
    assert names(rest, "/volumes", virtual_machine_id=it.web.id) == ["web-1", "web-1_1"]
    assert names(rest, "/volumes", root="true") == ["db-1", "web-1"]
    assert names(rest, "/volumes", root="false", pool_id=it.old.id) == ["loose", "web-1_1"]
    assert names(rest, "/volumes", offering_id=it.gold.id) == ["loose"]
    assert names(rest, "/offerings", name="gold") == ["gold"]
    assert rest.get("/pools", params={"scope": "GLOBAL"}).status_code == 422


def test_a_volume_and_where_it_could_go(rest: httpx.Client, landscape: SimpleNamespace) -> None:
    it = landscape
    volume = rest.get(f"/volumes/{it.loose.id}").json()
    assert volume["pool"] == {"id": str(it.old.id), "name": "old"}
    assert (volume["virtual_machine"], volume["offering"]["name"], volume["moving"]) == (None, "gold", False)
    assert rest.get(f"/volumes/{it.gone.id}").status_code == 404, "vCenter shows it no longer"
    targets = rest.get(f"/volumes/{it.loose.id}/targets").json()
    assert (targets[0]["pool"]["name"], targets[0]["suitable"]) == ("new", True)
    far = next(target for target in targets if target["pool"]["name"] == "far")
    assert not far["suitable"]
    assert all(objection["found"] and objection["todo"] and objection["rule"] for objection in far["objections"])
