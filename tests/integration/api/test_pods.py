"""Pods, of which vSphere has none: one for each zone, with an id that stays."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from uuid import UUID, uuid4

import httpx
import pytest
from cs import CloudStack, CloudStackApiException
from defusedxml.ElementTree import fromstring
from sqlalchemy.orm import Session

from app.api.cloudstack.pods import Pod
from app.db import utc_now
from app.inventory.models import Zone

pytestmark = pytest.mark.integration

LISTS = {
    "listVolumes": "volume",
    "listStoragePools": "storagepool",
    "listHosts": "host",
    "listClusters": "cluster",
    "listVirtualMachines": "virtualmachine",
}


@pytest.fixture
def pod(client: CloudStack, landscape: SimpleNamespace) -> dict[str, str]:
    (found,) = client.listPods(zoneid=str(landscape.zone.id))["pod"]
    return dict(found)


@pytest.fixture
def elsewhere(session: Session, landscape: SimpleNamespace) -> Zone:
    """A datacenter that vCenter no longer shows: lists have nothing of it, and its ids are known."""
    zone = Zone(vcenter_id=landscape.vcenter.id, name="dc0", moref=f"datacenter-{uuid4()}", removed_at=utc_now())
    session.add(zone)
    session.commit()
    return zone


def test_one_for_each_zone(pod: dict[str, str], landscape: SimpleNamespace) -> None:
    assert pod == {
        "id": str(Pod(landscape.zone).id),
        "name": "dc1-pod",
        "zoneid": str(landscape.zone.id),
        "zonename": "dc1",
        "allocationstate": "Enabled",
    }


def test_its_id_follows_from_the_zone_for_ever() -> None:
    zone = Zone(id=UUID("11111111-2222-3333-4444-555555555555"), name="a")
    assert Pod(zone).id == UUID("e7f26424-2df1-5599-a643-d6f6aae5a06c")


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"name": "dc1-pod"}, 1),
        ({"name": "dc1"}, 0),
        ({"keyword": "C1-P"}, 1),
        ({"keyword": "dc2"}, 0),
        ({"allocationstate": "enabled"}, 1),
        ({"allocationstate": "Disabled"}, 0),
        ({"pagesize": "-1"}, 1),
    ],
)
@pytest.mark.usefixtures("landscape")
def test_filters(filters: dict[str, str], count: int, client: CloudStack) -> None:
    assert client.listPods(**filters).get("count", 0) == count


def test_pages_and_ids(client: CloudStack, pod: dict[str, str], elsewhere: Zone) -> None:
    assert client.listPods(id=pod["id"])["pod"] == [pod]
    assert client.listPods(page=1, pagesize=1)["pod"] == [pod]
    assert client._request("listPods", page=2, pagesize=1) == {"count": 1}
    assert client.listPods(id=str(Pod(elsewhere).id)) == {}
    assert client.listPods(id=pod["id"], zoneid=str(elsewhere.id)) == {}


def test_whoever_may_look_may_look_at_pods_in_xml_too(call: Callable[..., httpx.Response], pod: dict[str, str]) -> None:
    answer = fromstring(call(role="read-only", command="listPods").content)
    assert (answer.tag, answer.findtext("count"), answer.findtext("pod/id")) == ("listpodsresponse", "1", pod["id"])


@pytest.mark.parametrize(("command", "key"), LISTS.items())
def test_lists_are_narrowed_by_pod(
    command: str, key: str, client: CloudStack, pod: dict[str, str], elsewhere: Zone
) -> None:
    listed = getattr(client, command)
    assert listed(podid=pod["id"]) == listed() == listed(podid=pod["id"], zoneid=pod["zoneid"])
    assert listed()[key]
    assert listed(podid=str(Pod(elsewhere).id)) == {}
    assert listed(podid=pod["id"], zoneid=str(elsewhere.id)) == {}
    assert listed(podid=str(Pod(elsewhere).id), zoneid=pod["zoneid"]) == {}


@pytest.mark.parametrize("command", [*LISTS, "listPods"])
@pytest.mark.usefixtures("landscape")
def test_a_pod_of_no_zone_is_refused(command: str, client: CloudStack) -> None:
    name = "id" if command == "listPods" else "podid"
    with pytest.raises(CloudStackApiException, match=f"Invalid parameter {name} value=") as refused:
        getattr(client, command)(**{name: str(uuid4())})
    assert refused.value.error["errorcode"] == 431


@pytest.mark.parametrize(("command", "key"), [(name, key) for name, key in LISTS.items() if key != "virtualmachine"])
def test_what_is_in_a_zone_says_its_pod(command: str, key: str, client: CloudStack, pod: dict[str, str]) -> None:
    """As in CloudStack, zone-wide pools are in none, and VMs do not tell."""
    for thing in getattr(client, command)()[key]:
        told = {name: thing[name] for name in ("podid", "podname") if name in thing}
        assert told == ({} if thing.get("scope") == "ZONE" else {"podid": pod["id"], "podname": "dc1-pod"})
