"""Law 4 against a vCenter that nobody here wrote: plain vcsim says "success" without moving a VM's disks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cs import CloudStack, CloudStackApiException
from pydantic import SecretStr

from app.vsphere.endpoint import Endpoint
from app.vsphere.facts import TaskState
from app.vsphere.pyvmomi import vim
from app.vsphere.session import Session
from app.vsphere.tasks import read_task
from tests.running.up import Up
from tests.running.vcenter import RunningVCenter, running_vcenter
from tests.running.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MODEL = ["-dc", "1", "-cluster", "1", "-host", "2", "-standalone-host", "0", "-ds", "2", "-vm", "2", "-autostart=false"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudStack]:
    folder = tmp_path_factory.mktemp("plain")
    with running_vcenter(folder, "--plain", *MODEL) as vcenter:
        _make_loose_disk(vcenter)
        up = Up(folder, "--vcenter", vcenter.url, "--username", vcenter.username, "--thumbprint", vcenter.thumbprint)
        try:
            ready = up.start(VRELOCATE_VCENTER_PASSWORD=vcenter.password)
            assert ready["pids"]["simulator"] is None
            yield CloudStack(
                endpoint=ready["api_url"], key=ready["api_key"], secret=ready["secret_key"], poll_interval=0.3
            )
        finally:
            assert up.stop() == 0


def _make_loose_disk(vcenter: RunningVCenter) -> None:
    endpoint = Endpoint(vcenter.url, vcenter.username, SecretStr(vcenter.password), vcenter.thumbprint)
    session = Session(endpoint, timeout_seconds=30)

    def make(content: Any) -> Any:  # noqa: ANN401  # pyVmomi's objects have no types
        datacenter = content.rootFolder.childEntity[0]
        content.fileManager.MakeDirectory(name="[LocalDS_0] loose", datacenter=datacenter)
        spec = vim.VirtualDiskManager.FileBackedVirtualDiskSpec(
            diskType="thin", adapterType="lsiLogic", capacityKb=1024 * 1024
        )
        return content.virtualDiskManager.CreateVirtualDisk_Task("[LocalDS_0] loose/data.vmdk", datacenter, spec)

    task = session.call(make)
    until(lambda: _state(session, task._moId) is TaskState.SUCCESS, 30, "the disk is made")
    session.close()


def _state(session: Session, moref: str) -> TaskState | None:
    snapshot = read_task(session, moref)
    return snapshot.state if snapshot else None


def the(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    [thing] = [it for it in found if it["name"] == name]
    return thing


def test_a_detached_disk_succeeds(client: CloudStack) -> None:
    target = the(client.listStoragePools(fetch_list=True), "LocalDS_1")
    volume = the(client.listVolumes(fetch_list=True), "data")
    moved = client.migrateVolume(volumeid=volume["id"], storageid=target["id"], fetch_result=True)["volume"]
    assert (moved["id"], moved["storage"]) == (volume["id"], "LocalDS_1")


def test_a_vm_that_only_seems_to_have_moved_fails_and_says_where_its_disks_are(client: CloudStack) -> None:
    vm = client.listVirtualMachines(fetch_list=True)[0]
    target = the(client.listStoragePools(fetch_list=True), "LocalDS_1")
    with pytest.raises(CloudStackApiException) as failed:
        client.migrateVirtualMachine(virtualmachineid=vm["id"], storageid=target["id"], fetch_result=True)
    text = str(failed.value)
    assert "vCenter reports success, but disk" in text
    assert "is still on LocalDS_0" in text
    disks = client.listVolumes(virtualmachineid=vm["id"], fetch_list=True)
    assert {disk["storage"] for disk in disks} == {"LocalDS_0"}
