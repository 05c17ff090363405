"""`listStorageTags`: what pools can be told apart by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cs import CloudStack, CloudStackApiException
from defusedxml.ElementTree import fromstring
from sqlalchemy.orm import Session

from app.db import utc_now
from app.inventory.models import StoragePool, Zone

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("landscape")]


def names(answer: dict[str, Any]) -> list[str]:
    return [tag["name"] for tag in answer.get("storagetag", [])]


def test_each_once_whoever_gave_it(client: CloudStack) -> None:
    answer = client.listStorageTags()
    assert names(answer) == ["backup", "fast", "slow"]
    assert answer["count"] == len({tag["id"] for tag in answer["storagetag"]}) == 3
    assert client.listStorageTags() == answer


def test_one_that_two_pools_have_is_one(client: CloudStack) -> None:
    (far,) = client.listStoragePools(name="far")["storagepool"]
    client.updateStoragePool(id=far["id"], tags="slow,x")
    try:
        assert names(client.listStorageTags()) == ["backup", "fast", "slow", "x"]
    finally:
        client.updateStoragePool(id=far["id"], tags=",")


def test_pools_that_are_gone_have_none(client: CloudStack, session: Session) -> None:
    zone = session.query(Zone).filter_by(name="dc1").one()
    gone = StoragePool(
        vcenter_id=zone.vcenter_id, name="gone", moref="datastore-gone", removed_at=utc_now(), zone_id=zone.id,
        scope="ZONE", type="VMFS", url="ds:///gone/", capacity_bytes=1, free_bytes=1, uncommitted_bytes=0,
        accessible=True, maintenance_mode="normal", own_tags=["of-the-dead"],
    )  # fmt: skip
    session.add(gone)
    session.commit()
    assert "of-the-dead" not in names(client.listStorageTags())


def test_keyword_and_pages(client: CloudStack) -> None:
    assert names(client.listStorageTags(keyword="S")) == ["fast", "slow"]
    assert client.listStorageTags(keyword="%") == {}
    assert [tag["name"] for tag in client.listStorageTags(fetch_list=True, pagesize=2)] == ["backup", "fast", "slow"]
    assert client._request("listStorageTags", page=2, pagesize=2)["storagetag"][0]["name"] == "slow"
    assert client._request("listStorageTags", page=3, pagesize=2) == {"count": 3}
    with pytest.raises(CloudStackApiException, match='"page" parameter is required'):
        client._request("listStorageTags", pagesize=2)


def test_whoever_may_look_in_xml_too(call: Callable[..., httpx.Response]) -> None:
    answer = fromstring(call(role="read-only", command="listStorageTags").content)
    assert answer.tag == "liststoragetagsresponse"
    assert [tag.text for tag in answer.findall("storagetag/name")] == ["backup", "fast", "slow"]
