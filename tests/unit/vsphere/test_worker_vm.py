"""Which hosts can carry a disk between datastores, and what is done to a worker that vCenter does not describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from app.vsphere import worker_vm
from app.vsphere.errors import VCenterFault
from app.vsphere.facts import Datastore, FaultClass, Mount
from app.vsphere.session import Session
from app.vsphere.worker_vm import destroy_worker, detach_disks, hosts_of_all

pytestmark = pytest.mark.unit


def mount(host: str) -> Mount:
    return Mount(host_moref=host, mounted=True, accessible=True, writable=True)


def datastore(*mounts: Mount) -> Datastore:
    return Datastore(
        moref="datastore-1",
        name="ds",
        datacenter_moref="datacenter-1",
        type="VMFS",
        url="ds:///vmfs/volumes/1/",
        capacity_bytes=1,
        free_bytes=1,
        uncommitted_bytes=0,
        accessible=True,
        maintenance_mode="normal",
        mounts=mounts,
    )


def test_a_host_must_have_all_of_the_datastores() -> None:
    source, target = datastore(mount("host-1"), mount("host-2")), datastore(mount("host-2"), mount("host-3"))
    assert hosts_of_all([source, target]) == {"host-2"}
    assert hosts_of_all([source]) == {"host-1", "host-2"}
    assert hosts_of_all([source, datastore()]) == set()
    assert hosts_of_all([]) == set()


@pytest.mark.parametrize(
    "useless",
    [
        replace(mount("host-1"), mounted=False),
        replace(mount("host-1"), accessible=False),
        replace(mount("host-1"), writable=False),
    ],
    ids=["not mounted", "not accessible", "read-only"],
)
def test_a_mount_that_cannot_be_written_to_is_none(useless: Mount) -> None:
    assert hosts_of_all([datastore(mount("host-1"), mount("host-2")), datastore(useless, mount("host-2"))]) == {
        "host-2"
    }


@pytest.mark.parametrize("harm", [detach_disks, destroy_worker])
def test_a_worker_whose_devices_are_not_told_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, harm: Callable[[Session, str], str | None]
) -> None:
    monkeypatch.setattr(worker_vm, "retrieve", lambda *_: {"vm-1": {"name": "vrelocate-worker-12345678"}})
    with pytest.raises(VCenterFault, match="does not tell the devices of vrelocate-worker-12345678") as refused:
        harm(cast("Session", None), "vm-1")
    assert refused.value.fault.classification is FaultClass.RETRY_WHEN_CHANGED
