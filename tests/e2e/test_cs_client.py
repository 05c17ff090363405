"""The unmodified PyPI client `cs` migrates against `vrelocate up`, and the disks are where it was told they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cs import CloudStack

from tests.running.up import Up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SCENARIO = Path(__file__).parents[2] / "simulator" / "scenarios" / "demo.yaml"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudStack]:
    up = Up(tmp_path_factory.mktemp("up"), "--scenario", SCENARIO, "--speed", "200")
    try:
        ready = up.start()
        yield CloudStack(
            endpoint=ready["api_url"],
            key=ready["api_key"],
            secret=ready["secret_key"],
            job_timeout=60,
            poll_interval=0.3,
        )
    finally:
        assert up.stop() == 0


def the(client: CloudStack, kind: str, name: str) -> dict[str, Any]:
    """Return the one thing of that name."""
    found = getattr(client, f"list{kind}")(name=name, fetch_list=True)
    assert len(found) == 1, found
    thing: dict[str, Any] = found[0]
    return thing


def test_a_detached_disk_moves(client: CloudStack) -> None:
    volume, target = the(client, "Volumes", "data-01"), the(client, "StoragePools", "ds-new")
    started = client.migrateVolume(volumeid=volume["id"], storageid=target["id"])
    assert set(started) == {"jobid"}
    result = client.queryAsyncJobResult(jobid=started["jobid"])
    assert result["jobstatus"] in {0, 1}

    moved = client.migrateVolume(  # sent again with the client's own waiting: the first job is over or refuses it
        volumeid=the(client, "Volumes", "data-02")["id"], storageid=target["id"], fetch_result=True
    )["volume"]
    assert (moved["storage"], moved["storageid"]) == ("ds-new", target["id"])

    after = the(client, "Volumes", "data-02")
    assert (after["id"], after["storageid"]) == (moved["id"], target["id"])
    assert [(disk["from"], disk["to"], disk["verified"]) for disk in moved["migrateddisks"]] == [
        ("ds-old", "ds-new", True)
    ]


def test_a_stopped_vm_moves_with_all_of_its_disks(client: CloudStack) -> None:
    vm, target = the(client, "VirtualMachines", "app-09"), the(client, "StoragePools", "ds-new")
    before = client.listVolumes(virtualmachineid=vm["id"], fetch_list=True)
    assert {volume["storage"] for volume in before} == {"ds-old"}

    moved = client.migrateVirtualMachine(virtualmachineid=vm["id"], storageid=target["id"], fetch_result=True)

    assert moved["virtualmachine"]["id"] == vm["id"]
    after = client.listVolumes(virtualmachineid=vm["id"], fetch_list=True)
    assert {volume["id"] for volume in after} == {volume["id"] for volume in before}
    assert {volume["storage"] for volume in after} == {"ds-new"}


def test_a_stopped_vm_moves_disk_by_disk(client: CloudStack) -> None:
    vm, root, data = (
        the(client, *it) for it in (("VirtualMachines", "app-05"), ("Volumes", "app-05"), ("Volumes", "app-05_1"))
    )
    migrate_to = [{"volume": data["id"], "pool": the(client, "StoragePools", "ds-new")["id"]}]
    checked = client.checkMigration(virtualmachineid=vm["id"], migrateto=migrate_to)["migration"]
    assert (checked["wouldstart"], [disk["name"] for disk in checked["disks"]]) == (True, ["app-05_1"])

    moved = client.migrateVirtualMachineWithVolume(virtualmachineid=vm["id"], migrateto=migrate_to, fetch_result=True)

    assert [disk["volume_id"] for disk in moved["virtualmachine"]["migrateddisks"]] == [data["id"]]
    after = {volume["id"]: volume["storage"] for volume in client.listVolumes(virtualmachineid=vm["id"])["volume"]}
    assert after == {root["id"]: "ds-old", data["id"]: "ds-new"}


def test_a_refusal_comes_as_cloudstacks_error(client: CloudStack) -> None:
    vm, other_cluster = the(client, "VirtualMachines", "refused-cluster"), the(client, "StoragePools", "ds-b")
    job = client.migrateVirtualMachine(virtualmachineid=vm["id"], storageid=other_cluster["id"])["jobid"]

    while (result := client.queryAsyncJobResult(jobid=job))["jobstatus"] == 0:
        pass
    assert (result["jobstatus"], result["jobresultcode"]) == (2, 431)
    assert "cross-cluster migration is not supported" in result["jobresult"]["errortext"]
