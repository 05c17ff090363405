"""Every list command, called by the unmodified client `cs`: what it shows, filters and pages."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from cs import CloudStack, CloudStackApiException

pytestmark = pytest.mark.integration

GIB = 1024**3


def names(answer: dict[str, Any]) -> list[str]:
    """Return the names of a list's things, whatever they are; the count must be theirs."""
    found = [thing["name"] for key, things in answer.items() if key != "count" for thing in things]
    assert answer.get("count", 0) == len(found)
    return found


@pytest.fixture
def listed(client: CloudStack) -> Callable[..., list[str]]:
    return lambda command, **filters: names(getattr(client, command)(**{k: str(v) for k, v in filters.items()}))


Listed = Callable[..., list[str]]


def test_zones(client: CloudStack, landscape: SimpleNamespace, listed: Listed) -> None:
    (zone,) = client.listZones()["zone"]
    assert zone["id"] == str(landscape.zone.id)
    assert (zone["name"], zone["networktype"], zone["allocationstate"]) == ("dc1", "Advanced", "Enabled")
    assert listed("listZones", id=landscape.zone.id) == ["dc1"]
    assert client.listZones(name="dc") == {}


def test_clusters(client: CloudStack, landscape: SimpleNamespace, listed: Listed) -> None:
    east, west = client.listClusters(zoneid=str(landscape.zone.id))["cluster"]
    assert (east["name"], east["zonename"], east["hypervisortype"], east["standalone"]) == (
        "east",
        "dc1",
        "VMware",
        False,
    )
    assert west["standalone"] is True
    assert listed("listClusters", id=landscape.west.id) == ["west"]
    assert listed("listClusters", keyword="EAS") == ["east"]


def test_hosts(client: CloudStack, landscape: SimpleNamespace, listed: Listed) -> None:
    esx1, esx2, esx3 = client.listHosts()["host"]
    assert (esx1["name"], esx1["state"], esx1["resourcestate"], esx1["type"]) == ("esx1", "Up", "Enabled", "Routing")
    assert esx1["ipaddress"] == "esx1"
    assert (esx2["state"], esx2["resourcestate"]) == ("Disconnected", "Maintenance")
    assert esx3["clusterid"] == str(landscape.west.id)
    assert listed("listHosts", clusterid=landscape.east.id) == ["esx1", "esx2"]
    assert listed("listHosts", type="Routing", state="Up") == ["esx1", "esx3"]
    assert listed("listHosts", zoneid=landscape.zone.id, name="esx2") == ["esx2"]
    assert client.listHosts(type="SecondaryStorage") == {}


def test_storage_pools(client: CloudStack, landscape: SimpleNamespace, listed: Listed) -> None:
    pools = {pool["name"]: pool for pool in client.listStoragePools()["storagepool"]}
    new = pools["new"]
    assert (new["clusterid"], new["clustername"], new["scope"]) == (str(landscape.east.id), "east", "CLUSTER")
    assert (new["disksizetotal"], new["disksizeused"], new["disksizeallocated"]) == (1000 * GIB, 400 * GIB, 500 * GIB)
    assert new["tags"] == "backup,fast"
    assert (new["ipaddress"], pools["wide"]["ipaddress"]) == ("VMFS datastore: /dc1/new", "NFS datastore: /dc1/wide")
    assert {name: pool["state"] for name, pool in pools.items()} == {
        "old": "Up", "new": "Up", "far": "Up", "local": "Maintenance", "wide": "Disabled",
    }  # fmt: skip
    assert "clusterid" not in pools["wide"]
    assert listed("listStoragePools", clusterid=landscape.west.id) == ["far", "local", "wide"]
    assert listed("listStoragePools", scope="zone") == ["wide"]
    assert listed("listStoragePools", path="ds:///vmfs/volumes/old/") == ["old"]
    assert listed("listStoragePools", id=landscape.far.id) == ["far"]


def test_virtual_machines(client: CloudStack, landscape: SimpleNamespace, listed: Listed) -> None:
    (web,) = client.listVirtualMachines(id=str(landscape.web.id))["virtualmachine"]
    assert (web["name"], web["displayname"], web["state"], web["powerstate"]) == (
        "web-1",
        "web-1",
        "Stopped",
        "poweredOff",
    )
    assert (web["zonename"], web["clustername"], web["hostname"], web["storage"]) == ("dc1", "east", "esx1", "old")
    assert (web["cpunumber"], web["memory"], web["nic"], web["hypervisor"]) == (2, 4096, [], "VMware")
    assert listed("listVirtualMachines") == ["asleep", "db-1", "web-1"]
    assert listed("listVirtualMachines", state="Stopped") == ["web-1"]
    assert listed("listVirtualMachines", state="Running") == ["asleep", "db-1"]
    assert listed("listVirtualMachines", state="Present") == ["asleep", "db-1", "web-1"]
    assert client.listVirtualMachines(state="Migrating") == {}
    assert listed("listVirtualMachines", name="EB") == ["web-1"]
    assert client.listVirtualMachines(name="%") == {}
    assert listed("listVirtualMachines", hostid=landscape.esx3.id) == ["db-1"]
    assert listed("listVirtualMachines", clusterid=landscape.east.id) == ["asleep", "web-1"]
    assert listed("listVirtualMachines", storageid=landscape.old.id) == ["asleep", "web-1"]
    assert listed("listVirtualMachines", ids=f"{landscape.web.id},{landscape.db.id}") == ["db-1", "web-1"]


def test_volumes(client: CloudStack, landscape: SimpleNamespace) -> None:
    volumes = {volume["name"]: volume for volume in client.listVolumes()["volume"]}
    assert set(volumes) == {"web-1", "web-1_1", "db-1", "loose", "spare & co"}
    root, data, loose = volumes["web-1"], volumes["web-1_1"], volumes["loose"]
    assert (root["type"], root["deviceid"], root["virtualmachineid"]) == ("ROOT", 0, str(landscape.web.id))
    assert (root["vmname"], root["vmstate"], root["clustername"]) == ("web-1", "Stopped", "east")
    assert (data["type"], data["deviceid"], data["provisioningtype"]) == ("DATADISK", 1, "sparse")
    assert "physicalsize" not in data
    assert (loose["type"], loose["storage"], loose["clustername"]) == ("DATADISK", "old", "east")
    assert (loose["size"], loose["physicalsize"], loose["provisioningtype"]) == (10 * GIB, 4 * GIB, "thin")
    assert (loose["diskofferingname"], loose["path"]) == ("gold", "[old] loose/loose.vmdk")
    assert not {"virtualmachineid", "vmname", "deviceid"} & set(loose)
    assert "provisioningtype" not in volumes["spare & co"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"type": "ROOT"}, ["db-1", "web-1"]),
        ({"type": "DATADISK"}, ["loose", "spare & co", "web-1_1"]),
        ({"type": "SWAP"}, []),
        ({"state": "Ready", "keyword": "1_1"}, ["web-1_1"]),
        ({"state": "Migrating"}, []),
        ({"name": "spare & co"}, ["spare & co"]),
        ({"storageid": "far"}, ["db-1"]),
        ({"virtualmachineid": "web"}, ["web-1", "web-1_1"]),
        ({"hostid": "esx1"}, ["web-1", "web-1_1"]),
        ({"clusterid": "east"}, ["loose", "spare & co", "web-1", "web-1_1"]),
        ({"clusterid": "west"}, ["db-1", "spare & co"]),
        ({"diskofferingid": "gold"}, ["loose"]),
        ({"zoneid": "zone", "id": "loose"}, ["loose"]),
    ],
)
def test_volumes_by(filters: dict[str, str], found: list[str], landscape: SimpleNamespace, listed: Listed) -> None:
    """A filter that ends in `id` names a thing of the landscape."""
    given = {name: getattr(landscape, value).id if name.endswith("id") else value for name, value in filters.items()}
    assert listed("listVolumes", **given) == found


def test_what_vcenter_no_longer_shows_is_known_but_not_listed(client: CloudStack, landscape: SimpleNamespace) -> None:
    assert client.listVolumes(id=str(landscape.gone.id)) == {}


def test_pools_for_a_migration_suitable_ones_first(client: CloudStack, landscape: SimpleNamespace) -> None:
    answer = client.findStoragePoolsForMigration(id=str(landscape.loose.id))
    pools = answer["storagepool"]
    assert [pool["name"] for pool in pools] == ["new", "far", "local", "wide"]
    assert [pool["suitableformigration"] for pool in pools] == [True, False, False, False]
    assert "unsuitablebecause" not in pools[0]
    assert any("tags" in reason for reason in pools[1]["unsuitablebecause"])
    page = client.findStoragePoolsForMigration(id=str(landscape.loose.id), page=2, pagesize=3)
    assert (page["count"], [pool["name"] for pool in page["storagepool"]]) == (4, ["wide"])
    assert names(client.findStoragePoolsForMigration(id=str(landscape.loose.id), keyword="A")) == ["far", "local"]


@pytest.mark.usefixtures("landscape")
def test_cs_collects_every_page(client: CloudStack) -> None:
    everything = client.listVolumes(fetch_list=True, pagesize=2)
    assert [volume["name"] for volume in everything] == ["db-1", "loose", "spare & co", "web-1", "web-1_1"]


@pytest.mark.usefixtures("landscape")
def test_a_page_past_the_end_says_how_many_there_are(client: CloudStack) -> None:
    assert client.listVolumes(page=9, pagesize=2) == {"count": 5}


@pytest.mark.usefixtures("landscape")
def test_a_page_needs_its_size(client: CloudStack) -> None:
    with pytest.raises(CloudStackApiException) as refused:
        client._request("listVolumes", page=1, pagesize="")
    assert refused.value.error["errorcode"] == 431


def test_apis_and_capabilities(client: CloudStack) -> None:
    apis = client.listApis()
    assert apis["count"] == len(apis["api"])
    assert client.listCapabilities()["capability"]["cloudstackversion"] == "4.20.0.0"


@pytest.mark.parametrize("command", ["listPublicIpAddresses", "listPortForwardingRules", "listIpForwardingRules"])
def test_networks_are_none_of_our_business(client: CloudStack, landscape: SimpleNamespace, command: str) -> None:
    assert getattr(client, command)() == {}
    assert getattr(client, command)(zoneid=str(landscape.zone.id), fetch_list=True) == []


def test_offerings_are_made_and_listed(client: CloudStack, listed: Listed) -> None:
    made = client.createDiskOffering(name="silver", displaytext="Silver", tags=["slow", "cheap", "slow"])[
        "diskoffering"
    ]
    assert (made["name"], made["displaytext"], made["tags"]) == ("silver", "Silver", "cheap,slow")
    assert listed("listDiskOfferings", id=made["id"]) == ["silver"]
    assert client.createDiskOffering(name="plain")["diskoffering"]["displaytext"] == "plain"
    with pytest.raises(CloudStackApiException, match="there is a disk offering named silver already"):
        client.createDiskOffering(name="silver")


def test_tags_of_a_pool_are_replaced_those_of_vsphere_stay(client: CloudStack, landscape: SimpleNamespace) -> None:
    pool = str(landscape.far.id)
    assert client.updateStoragePool(id=pool, tags="b, a,,b")["storagepool"]["tags"] == "a,b"
    assert client.updateStoragePool(id=pool)["storagepool"]["tags"] == "a,b"
    assert client.updateStoragePool(id=pool, tags=",")["storagepool"]["tags"] == ""
    assert client.updateStoragePool(id=str(landscape.old.id), tags="x")["storagepool"]["tags"] == "slow,x"
    assert client.updateStoragePool(id=str(landscape.old.id), tags=",")["storagepool"]["tags"] == "slow"
