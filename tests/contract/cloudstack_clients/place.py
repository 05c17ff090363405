"""The one installation for all clients: `vrelocate up` on a simulated vCenter, and govc to judge what became of it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cs import CloudStack

from tests.running.govc import Govc
from tests.running.ledger import Ledger, OperationCounts
from tests.running.up import Up
from tests.running.vcenter import RunningVCenter, running_vcenter

SCENARIO = Path(__file__).with_name("scenario.yaml")
RELOCATE, MOVE = "RelocateVM_Task", "MoveVirtualDisk_Task"


@dataclass(frozen=True)
class Place:
    """An installation, and its vCenter without it."""

    ready: dict[str, Any]
    ids: dict[str, str]
    """Of every VM (`moves-1`), detached volume (`data-1`) and storage pool (`new`), by name."""
    govc: Govc
    vcenter: RunningVCenter
    folder: Path

    def vm_is_on(self, name: str) -> set[str]:
        """Return the datastores on which vCenter has the disks of a VM."""
        return {_datastore(path) for path in self.govc.disks(name)}

    def disk_is_on(self, name: str, *datastores: str) -> set[str]:
        """Return those of the datastores on which vCenter has a file of a detached disk's name."""
        return {datastore for datastore in datastores if f"{name}.vmdk" in self._loose(datastore)}

    def asked(self, operation: str, entity: str) -> OperationCounts:
        """Return what became of vCenter's tasks of one kind on one thing."""
        return Ledger(self.vcenter).page().operations.get(operation, {}).get(entity, OperationCounts())

    def _loose(self, datastore: str) -> set[str]:
        return self.govc.files(datastore, "loose") if "loose" in self.govc.files(datastore) else set()


def _datastore(path: str) -> str:
    return path[1:].partition("] ")[0]


@contextmanager
def installed(folder: Path) -> Iterator[Place]:
    """Start it all, and stop it at the end."""
    with (
        pytest.MonkeyPatch.context() as environment,
        running_vcenter(folder, "--scenario", SCENARIO, "--admin", "127.0.0.1:0") as vcenter,
    ):
        # A proxy of the environment cannot reach this machine's loopback; libcloud looks at http_proxy alone.
        environment.setenv("NO_PROXY", "127.0.0.1")
        environment.delenv("http_proxy", raising=False)
        up = Up(folder, "--vcenter", vcenter.url, "--username", vcenter.username, "--thumbprint", vcenter.thumbprint)
        try:
            ready = up.start(VRELOCATE_VCENTER_PASSWORD=vcenter.password)
            govc = Govc(vcenter, home=folder / "govc", certificate=_certificate(vcenter, folder))
            govc("about")  # logs in: what follows shares the session, also at once
            yield Place(ready, _ids(ready), govc, vcenter, folder)
        finally:
            assert up.stop() == 0


def _certificate(vcenter: RunningVCenter, folder: Path) -> Path:
    address = urlsplit(vcenter.url)
    assert address.hostname
    assert address.port
    path = folder / "vcenter.pem"
    path.write_text(ssl.get_server_certificate((address.hostname, address.port)), encoding="ascii")
    return path


def _ids(ready: dict[str, Any]) -> dict[str, str]:
    cloud = CloudStack(endpoint=ready["api_url"], key=ready["api_key"], secret=ready["secret_key"])
    things = [
        *cloud.listVirtualMachines(fetch_list=True),
        *(volume for volume in cloud.listVolumes(fetch_list=True) if "virtualmachineid" not in volume),
        *cloud.listStoragePools(fetch_list=True),
    ]
    return {thing["name"]: thing["id"] for thing in things}
