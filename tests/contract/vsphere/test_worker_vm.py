"""A worker VM carries a detached disk: created around it, relocated, emptied, destroyed; the disk outlives it.

Plain vcsim's RelocateVM_Task moves nothing, so there the disk is found where it was; all the rest is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from app.vsphere.disks import make_directory, query_uuid
from app.vsphere.errors import ManagedObjectGone, NotAWorker, WorkerHoldsDisk
from app.vsphere.facts import DiskFormat, Inventory, TaskSnapshot, TaskState, VirtualMachine
from app.vsphere.inventory import disk_exists, read_inventory, read_vm
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.relocation import relocate_vm
from app.vsphere.session import Session
from app.vsphere.worker_vm import (
    Worker,
    create_worker,
    destroy_worker,
    detach_disks,
    find_worker,
    list_workers,
    worker_place,
)

if TYPE_CHECKING:
    from tests.contract.vsphere.conftest import VCenter

pytestmark = pytest.mark.contract

Follow = Callable[[str], list[TaskSnapshot]]

FORMATS = {"thin": DiskFormat.THIN, "preallocated": DiskFormat.THICK, "eagerZeroedThick": DiskFormat.EAGER}


@pytest.fixture
def datacenter(inventory: Inventory) -> str:
    return inventory.datacenters[0].moref


@pytest.fixture
def datastores(inventory: Inventory) -> dict[str, str]:
    """References of LocalDS_0, where the disks are, and of LocalDS_1, by name."""
    return {datastore.name: datastore.moref for datastore in inventory.datastores}


@pytest.fixture
def detached(session: Session, datacenter: str, follow: Follow) -> Callable[[str], str]:
    """Make a detached disk of that type; its path."""

    def made(disk_type: str) -> str:
        folder = f"[LocalDS_0] {uuid4()}"
        make_directory(session, folder, datacenter)
        spec = vim.VirtualDiskManager.FileBackedVirtualDiskSpec(
            adapterType="lsiLogic", diskType=disk_type, capacityKb=8 * 1024
        )

        def start(content: VimObject) -> str:
            place = session.moref("Datacenter", datacenter)
            task = content.virtualDiskManager.CreateVirtualDisk_Task(
                name=f"{folder}/data.vmdk", datacenter=place, spec=spec
            )
            return str(task._moId)

        assert follow(session.call(start))[-1].fault is None
        return f"{folder}/data.vmdk"

    return made


@pytest.fixture
def worker(
    session: Session, datacenter: str, datastores: dict[str, str], follow: Follow
) -> Callable[[str], tuple[Worker, TaskSnapshot]]:
    """Create a worker around a disk; what it is to be, and how that ended."""

    def created(disk_path: str) -> tuple[Worker, TaskSnapshot]:
        job_id, instance_uuid = str(uuid4()), str(uuid4())
        name = f"vrelocate-worker-{job_id[:8]}"
        place = worker_place(session, datastores.values(), job_id=job_id)
        assert place is not None
        task = create_worker(
            session,
            instance_uuid=instance_uuid,
            name=name,
            job_id=job_id,
            datacenter=datacenter,
            disk_path=disk_path,
            home_datastore=datastores["LocalDS_0"],
            place=place,
        )
        ended = follow(task)[-1]
        return Worker(find_worker(session, instance_uuid) or "", name, instance_uuid, job_id), ended

    return created


@pytest.mark.parametrize("disk_type", FORMATS)
def test_a_disk_is_carried_to_another_datastore_and_stays_what_it_is(
    vcenter: VCenter,
    session: Session,
    detached: Callable[[str], str],
    worker: Callable[[str], tuple[Worker, TaskSnapshot]],
    disk_type: str,
    *,
    datacenter: str,
    datastores: dict[str, str],
    follow: Follow,
) -> None:
    source, target = detached(disk_type), datastores["LocalDS_1"]
    uuid = query_uuid(session, source, datacenter)
    carrier, created = worker(source)
    assert (created.state, created.fault) == (TaskState.SUCCESS, None)
    assert carrier in list_workers(session)
    vm = read_vm(session, carrier.moref)
    assert (vm.name, vm.instance_uuid, vm.worker_of_job) == (carrier.name, carrier.instance_uuid, carrier.job_id)
    assert (vm.power_state, vm.home_datastore_moref) == ("poweredOff", datastores["LocalDS_0"])
    (disk,) = vm.disks
    assert disk.path == source

    task = relocate_vm(session, carrier.moref, home_datastore=target, disks={disk.key: target})
    assert follow(task)[-1].state is TaskState.SUCCESS
    (moved,) = read_vm(session, carrier.moref).disks
    if not vcenter.is_plain:
        assert (moved.datastore_moref, moved.format) == (target, FORMATS[disk_type])
        assert disk_exists(session, datacenter, source) is None

    with pytest.raises(WorkerHoldsDisk, match=r"data\.vmdk"):
        destroy_worker(session, carrier.moref)
    detach = detach_disks(session, carrier.moref)
    assert detach is not None
    assert follow(detach)[-1].state is TaskState.SUCCESS
    assert read_vm(session, carrier.moref).disks == ()
    assert detach_disks(session, carrier.moref) is None

    assert follow(destroy_worker(session, carrier.moref))[-1].state is TaskState.SUCCESS
    assert find_worker(session, carrier.instance_uuid or "") is None
    assert carrier not in list_workers(session)
    with pytest.raises(ManagedObjectGone):
        destroy_worker(session, carrier.moref)
    alone = disk_exists(session, datacenter, moved.path)
    assert alone is not None
    if not vcenter.is_plain:  # which knows neither types nor uuids of detached disks
        assert alone.format is (DiskFormat.THIN if disk_type == "thin" else None)
        assert query_uuid(session, moved.path, datacenter) == uuid


def test_a_worker_is_told_from_all_other_vms(
    session: Session, detached: Callable[[str], str], worker: Callable[[str], tuple[Worker, TaskSnapshot]]
) -> None:
    carrier, _ = worker(detached("thin"))
    told = {vm.moref: vm.worker_of_job for vm in read_inventory(session, "none").virtual_machines}
    assert {moref: job for moref, job in told.items() if job is not None} == {
        worker.moref: worker.job_id for worker in list_workers(session)
    }
    assert told[carrier.moref] == carrier.job_id
    assert None in told.values()


def test_no_worker_comes_of_a_disk_that_is_not_there(
    session: Session, worker: Callable[[str], tuple[Worker, TaskSnapshot]]
) -> None:
    carrier, ended = worker("[LocalDS_0] never/data.vmdk")
    assert ended.state is TaskState.ERROR
    assert ended.fault is not None
    assert ended.fault.name == "FileNotFound"
    assert carrier.moref == ""
    assert carrier.job_id not in {worker.job_id for worker in list_workers(session)}


def test_a_vm_that_is_no_worker_is_neither_emptied_nor_destroyed(
    session: Session, machines: dict[str, VirtualMachine]
) -> None:
    vm = machines["DC0_C0_RP0_VM0"]
    for harm in (detach_disks, destroy_worker):
        with pytest.raises(NotAWorker, match=vm.name):
            harm(session, vm.moref)
        with pytest.raises(ManagedObjectGone, match="vm-987654"):
            harm(session, "vm-987654")
    assert read_vm(session, vm.moref) == vm


def test_workers_are_spread_over_the_hosts_that_can_take_them(
    session: Session, inventory: Inventory, datastores: dict[str, str], follow: Follow
) -> None:
    def hosts() -> set[str | None]:
        places = [worker_place(session, datastores.values(), job_id=str(uuid4())) for _ in range(64)]
        return {None if place is None else place.host_moref for place in places}

    def maintain(host: str, *, begin: bool) -> None:
        def start(_content: VimObject) -> str:
            system = session.moref("HostSystem", host)
            task = system.EnterMaintenanceMode_Task(timeout=0) if begin else system.ExitMaintenanceMode_Task(timeout=0)
            return str(task._moId)

        assert follow(session.call(start))[-1].fault is None

    first, second = (host.moref for host in inventory.hosts)
    assert hosts() == {first, second}
    job_id = str(uuid4())
    assert len({worker_place(session, datastores.values(), job_id=job_id) for _ in range(4)}) == 1
    try:
        maintain(first, begin=True)
        assert hosts() == {second}
        maintain(second, begin=True)
        assert hosts() == {None}
    finally:
        for host in (first, second):
            maintain(host, begin=False)
    with pytest.raises(ManagedObjectGone, match="datastore-987654"):
        worker_place(session, [datastores["LocalDS_0"], "datastore-987654"], job_id=job_id)
