"""Worker VMs are no VMs of anybody's: what they hold stays the detached volume that it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from app.db import transaction
from app.inventory import sync
from app.inventory.models import VirtualMachine, Volume
from app.inventory.vcenters import session_to
from app.vsphere.facts import WORKER_NAME, Inventory, LooseDisk
from app.vsphere.pyvmomi import VimObject
from app.vsphere.worker_vm import create_worker, find_worker, worker_place
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.operating import Operator

pytestmark = pytest.mark.integration


@pytest.fixture
def lend(vcenter_id: UUID, operator: Operator) -> Callable[[str, UUID], str]:
    """Make a worker VM that has a disk, for a job; its reference is returned."""

    def made(path: str, job_id: UUID) -> str:
        session, uuid = session_to(vcenter_id), str(uuid4())
        pools = [known.pool(name).moref for name in ("old", "new")]
        place = worker_place(session, pools, job_id=str(job_id))
        assert place

        def ask(_: VimObject) -> VimObject:
            task = create_worker(
                session,
                instance_uuid=uuid,
                name=f"{WORKER_NAME}{uuid[:8]}",
                job_id=str(job_id),
                datacenter=session.call(lambda content: content.rootFolder.childEntity[0]._moId),
                disk_path=path,
                home_datastore=pools[1],
                place=place,
            )
            return operator.session.moref("Task", task)

        operator.do(ask)
        moref = find_worker(session, uuid)
        assert moref
        return moref

    return made


Lend = Callable[[str, UUID], str]


def mark_moving(volume: Volume, job_id: UUID) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE volume SET moving_to = :target, moved_by = :job WHERE id = :id"),
            {"id": volume.id, "target": volume.path.replace("[old]", "[new]"), "job": job_id},
        )


def workers() -> list[VirtualMachine]:
    with transaction() as session:
        return list(session.scalars(select(VirtualMachine).where(VirtualMachine.name.startswith(WORKER_NAME))))


def present_volumes() -> set[tuple[UUID, str]]:
    with transaction() as session:
        return {(it.id, it.path) for it in session.scalars(select(Volume).where(Volume.removed_at.is_(None)))}


def test_while_a_job_moves_the_disk_nothing_is_seen_of_the_worker(
    vcenter_id: UUID, operator: Operator, lend: Lend, unused: InTurn
) -> None:
    path, job_id = unused.disk(), uuid4()
    volume = known.volume(path)
    mark_moving(volume, job_id)
    before = present_volumes()
    worker = lend(path, job_id)
    known.sync(vcenter_id)
    assert (workers(), present_volumes()) == ([], before)
    operator.relocate(worker, known.pool("new").moref)  # it has its disk in a folder of its own there
    known.sync(vcenter_id)
    assert (workers(), present_volumes()) == ([], before)
    lent = known.volume_of_id(volume.id)
    assert (lent.path, lent.vm_id, lent.pool_id) == (path, None, volume.pool_id)


def test_a_disk_in_a_worker_that_was_left_over_is_the_detached_volume_that_it_was(
    vcenter_id: UUID, lend: Lend, unused: InTurn
) -> None:
    path = unused.disk()
    volume = known.volume(path)
    lend(path, uuid4())
    known.sync(vcenter_id)
    after = known.volume_of_id(volume.id)
    assert (after.path, after.vm_id, after.device_key, after.removed_at) == (path, None, None, None)
    assert workers() == []


def test_a_half_written_copy_in_a_workers_folder_is_no_volume(
    shown: Inventory, take_in: Callable[[Inventory], None], unused: InTurn
) -> None:
    """VCenter may call the copy after the worker; when no job moves anything there, what is left is a disk."""
    volume, new = known.volume(unused.disk()), known.pool("new")
    copy = LooseDisk(
        path=f"[new] {WORKER_NAME}0a1b2c3d/{WORKER_NAME}0a1b2c3d.vmdk",
        datastore_moref=new.moref,
        datacenter_moref=shown.datacenters[0].moref,
        capacity_bytes=volume.capacity_bytes,
        physical_bytes=1,
        thin=True,
        uuid=None,
        modified_at=None,
    )
    mark_moving(volume, uuid4())
    before = present_volumes()
    take_in(replace(shown, loose_disks=(*shown.loose_disks, copy)))
    assert present_volumes() == before
    with transaction() as session:
        session.execute(text("UPDATE volume SET moving_to = NULL, moved_by = NULL"))
    take_in(replace(shown, loose_disks=(*shown.loose_disks, copy)))
    assert {path for _, path in present_volumes() - before} == {copy.path}


def test_a_vm_that_has_become_a_worker_is_marked(vcenter_id: UUID, shown: Inventory, unused: InTurn) -> None:
    """As a release before this one saw it."""
    name = unused.vm()
    vm, [disk] = known.vm(name), known.disks(name)
    machines = tuple(
        replace(it, worker_of_job=str(uuid4())) if it.name == name else it for it in shown.virtual_machines
    )
    with transaction() as session:
        began = session.scalars(select(VirtualMachine.observed_at).where(VirtualMachine.id == vm.id)).one()
        sync._write(session, vcenter_id, replace(shown, virtual_machines=machines), began)
    assert known.vm(name).removed_at is not None
    after = known.volume_of_id(disk.id)
    assert (after.vm_id, after.path, after.removed_at) == (None, disk.path, None)
