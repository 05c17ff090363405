"""`updateDiskOffering`: what is given changes, if the pools that hold volumes of the offering allow it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cs import CloudStack, CloudStackApiException
from defusedxml.ElementTree import fromstring
from sqlalchemy import Engine, update

from app.db import utc_now
from app.inventory.models import Volume

pytestmark = pytest.mark.integration


@pytest.fixture
def offering(client: CloudStack) -> dict[str, Any]:
    made = client.createDiskOffering(name=f"bronze {uuid4()}", displaytext="Bronze", tags=["slow"])
    return dict(made["diskoffering"])


@pytest.fixture
def volume(database: Engine, landscape: SimpleNamespace, offering: dict[str, Any]) -> Iterator[UUID]:
    """A volume of it, on the pool `old`, whose tag is `slow`."""
    volume_id: UUID = landscape.web_data.id
    write(database, volume_id, disk_offering_id=offering["id"])
    yield volume_id
    write(database, volume_id, disk_offering_id=None, removed_at=None)


def write(database: Engine, volume_id: UUID, **values: object) -> None:
    with database.begin() as connection:
        connection.execute(update(Volume).where(Volume.id == volume_id).values(values))


def listed(client: CloudStack, offering: dict[str, Any]) -> dict[str, Any]:
    (found,) = client.listDiskOfferings(id=offering["id"])["diskoffering"]
    return dict(found)


def test_what_is_given_changes(client: CloudStack, offering: dict[str, Any]) -> None:
    name = f"copper {uuid4()}"
    changed = client.updateDiskOffering(id=offering["id"], name=name)["diskoffering"]
    assert changed == {**offering, "name": name} == listed(client, offering)
    changed = client.updateDiskOffering(id=offering["id"], displaytext="Copper", tags="b, a,,b")["diskoffering"]
    assert changed == {**offering, "name": name, "displaytext": "Copper", "tags": "a,b"} == listed(client, offering)
    assert client.updateDiskOffering(id=offering["id"], tags=",")["diskoffering"]["tags"] == ""


def test_nothing_given_changes_nothing(client: CloudStack, offering: dict[str, Any]) -> None:
    assert client.updateDiskOffering(id=offering["id"])["diskoffering"] == offering == listed(client, offering)
    same = {name: offering[name] for name in ("id", "name", "displaytext", "tags")}
    assert client.updateDiskOffering(**same)["diskoffering"] == offering


def test_in_xml(call: Callable[..., httpx.Response], offering: dict[str, Any]) -> None:
    answer = fromstring(call("POST", command="updateDiskOffering", id=offering["id"], displaytext="<&>").content)
    assert (answer.tag, answer.findtext("diskoffering/displaytext")) == ("updatediskofferingresponse", "<&>")


def test_a_name_that_is_taken_is_refused(client: CloudStack, offering: dict[str, Any]) -> None:
    other = client.createDiskOffering(name=f"tin {uuid4()}")["diskoffering"]
    with pytest.raises(CloudStackApiException, match=f"there is a disk offering named {offering['name']} already"):
        client.updateDiskOffering(id=other["id"], name=offering["name"], displaytext="Tin")
    assert listed(client, other) == other


@pytest.mark.parametrize("given", [{}, {"id": "nonsense"}, {"id": str(uuid4())}])
def test_it_needs_an_offering(client: CloudStack, given: dict[str, str]) -> None:
    with pytest.raises(CloudStackApiException) as refused:
        client.updateDiskOffering(**given)
    assert refused.value.error["errorcode"] == 431


@pytest.mark.parametrize("role", ["operator", "read-only"])
def test_only_an_admin_may(role: str, client_as: Callable[[str], CloudStack], offering: dict[str, Any]) -> None:
    with pytest.raises(CloudStackApiException, match=f"the role {role}") as refused:
        client_as(role).updateDiskOffering(id=offering["id"])
    assert refused.value.error["errorcode"] == 531


@pytest.mark.usefixtures("volume")
def test_tags_that_a_pool_with_its_volumes_lacks_are_refused(client: CloudStack, offering: dict[str, Any]) -> None:
    text = f"There are active volumes using offering [{offering['name']}], and the pools [old] don't have the new tags"
    with pytest.raises(CloudStackApiException, match=re.escape(text)) as refused:
        client.updateDiskOffering(id=offering["id"], tags="slow,fast", displaytext="Slow and fast")
    assert (refused.value.error["errorcode"], refused.value.error["cserrorcode"]) == (431, 4350)
    assert listed(client, offering) == offering


@pytest.mark.usefixtures("volume")
def test_tags_that_the_pools_have_are_taken(client: CloudStack, offering: dict[str, Any]) -> None:
    assert client.updateDiskOffering(id=offering["id"], tags=",")["diskoffering"]["tags"] == ""
    assert client.updateDiskOffering(id=offering["id"], tags="slow")["diskoffering"]["tags"] == "slow"


def test_tags_that_stay_are_no_change(client: CloudStack, landscape: SimpleNamespace) -> None:
    """The loose disk of the offering `gold` lies on a pool without its tag: whoever gave it the offering was let."""
    gold = str(landscape.gold.id)
    assert client.updateDiskOffering(id=gold, tags="fast", name="gold")["diskoffering"]["tags"] == "fast"


def test_volumes_that_are_gone_hold_nothing(
    client: CloudStack, database: Engine, volume: UUID, offering: dict[str, Any]
) -> None:
    write(database, volume, removed_at=utc_now())
    assert client.updateDiskOffering(id=offering["id"], tags="fast")["diskoffering"]["tags"] == "fast"
