"""Worker VMs that are left over are emptied and destroyed behind a sync; those that somebody needs are not touched."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from app.db import transaction
from app.inventory.models import VCenter
from app.jobs.states import JobState
from app.migration.left_workers import remove_left_workers
from app.vsphere.inventory import read_vm
from app.vsphere.relocation import relocate_vm
from app.vsphere.worker_vm import create_worker, destroy_worker, detach_disks, find_worker, list_workers, worker_place
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.programs.driving import Drive
from tests.integration.operating import Operator
from tests.running.faults import Entities, Faults
from tests.running.ledger import Ledger
from tests.running.waiting import until
from workers.sync import _sync_due

pytestmark = pytest.mark.integration

Left = Callable[[str, str], str]


@pytest.fixture
def left(drive: Drive, operator: Operator) -> Left:
    """Leave a worker VM of a job, by its id, with the disk at a path; returns its reference."""

    def leave(job_id: str, path: str) -> str:
        source, target = known.volume(path).pool.moref, known.pool("new").moref
        place = worker_place(operator.session, [source, target], job_id=job_id)
        assert place
        instance_uuid = uuid4()
        operator.wait_for(
            create_worker(
                operator.session,
                instance_uuid=str(instance_uuid),
                name=f"vrelocate-worker-{instance_uuid.hex[:8]}",
                job_id=job_id,
                datacenter=drive.datacenter(),
                disk_path=path,
                home_datastore=target,
                place=place,
            )
        )
        return find_worker(operator.session, str(instance_uuid)) or ""

    return leave


def due(vcenter_id: UUID) -> None:
    """Let the time of the vCenter's next sync come."""
    with transaction() as session:
        session.execute(text("UPDATE vcenter SET next_sync_at = now() WHERE id = :id"), {"id": vcenter_id})


def of_a_job_that_is_over() -> str:
    over = rows.new_job()
    rows.end(over)
    return str(over)


def seen_with_workers(drive: Drive) -> set[str]:
    """The jobs that had a worker VM when all of them were listed, which was a moment ago."""
    with transaction() as session:
        row = session.get_one(VCenter, drive.steps.vcenter_id)
        assert row.workers_listed_at
        assert row.workers_listed_at >= session.scalars(select(func.now() - timedelta(minutes=1))).one()
        return set(row.workers_of_jobs)


def test_one_of_a_job_that_is_over_is_removed_and_its_disk_stays(drive: Drive, left: Left, unused: InTurn) -> None:
    path = unused.disk(family="thin")
    volume, before = known.volume(path), drive.digest(path)
    job_id = of_a_job_that_is_over()
    left(job_id, path)
    due(drive.steps.vcenter_id)
    _sync_due(threading.Event())
    assert list_workers(drive.session) == []
    assert job_id in seen_with_workers(drive), "it is not forgotten before it was seen to have none"
    remove_left_workers(drive.steps.vcenter_id)
    assert seen_with_workers(drive) == set()
    known.sync(drive.steps.vcenter_id)
    drive.is_at(volume.id, path)
    assert drive.digest(path) == before


@pytest.mark.parametrize("job_id", [str(uuid4()), "written by hand"], ids=["unknown", "unreadable"])
def test_one_of_a_job_that_is_not_known_here_is_only_told(
    drive: Drive, left: Left, operator: Operator, unused: InTurn, job_id: str
) -> None:
    """It may be another installation's, which works with the same vCenter."""
    worker = left(job_id, unused.disk(family="thin"))
    with capture_logs() as logs:
        assert remove_left_workers(drive.steps.vcenter_id) == 0
    [told] = [line for line in logs if line["event"] == "worker_vm.unknown"]
    assert (told["log_level"], told["job_id"]) == ("warning", job_id)
    assert len(read_vm(operator.session, worker).disks) == 1
    operator.wait_for(detach_disks(operator.session, worker) or "")
    operator.wait_for(destroy_worker(operator.session, worker))


def test_one_of_a_live_job_is_left_to_it(drive: Drive, left: Left, operator: Operator, unused: InTurn) -> None:
    job_id = rows.new_job()
    worker = left(str(job_id), unused.disk(family="thin"))
    assert remove_left_workers(drive.steps.vcenter_id) == 0
    assert len(read_vm(operator.session, worker).disks) == 1
    rows.end(job_id)
    assert remove_left_workers(drive.steps.vcenter_id) == 1
    drive.leaves_nothing()


def test_one_that_is_at_work_for_its_job_is_not_disturbed(drive: Drive, unused: InTurn) -> None:
    """A sync comes between any two steps of a job."""
    path = unused.disk(family="thin")
    job_id = drive.steps.ask_disk(path, "new")
    drive.steps.submit(job_id)
    while rows.job(job_id).state is JobState.RUNNING:
        assert remove_left_workers(drive.steps.vcenter_id) == 0
        drive.turn(job_id)
    drive.succeeded(job_id)


def test_one_that_is_still_relocated_is_left_until_that_is_over(
    drive: Drive, left: Left, operator: Operator, unused: InTurn
) -> None:
    path = unused.disk("slow", "slow")
    volume = known.volume(path)
    worker = left(of_a_job_that_is_over(), path)
    known.sync(drive.steps.vcenter_id)
    [disk] = read_vm(operator.session, worker).disks
    relocate_vm(operator.session, worker, home_datastore=None, disks={disk.key: known.pool("new").moref})
    assert remove_left_workers(drive.steps.vcenter_id) == 0
    until(lambda: Ledger(drive.steps.vcenter).running() == 0, 30, "the relocation ends")
    known.sync(drive.steps.vcenter_id)
    assert remove_left_workers(drive.steps.vcenter_id) == 1
    drive.leaves_nothing()
    known.sync(drive.steps.vcenter_id)
    assert known.volume_of_id(volume.id).pool.name == "new"


@pytest.mark.parametrize("method", ["ReconfigVM_Task", "Destroy_Task"])
@pytest.mark.parametrize("at", ["call", "0%"])
def test_one_that_cannot_be_removed_now_is_removed_by_the_next_sync(
    drive: Drive, left: Left, faults: Faults, unused: InTurn, *, method: str, at: str
) -> None:
    path = unused.disk(family="thin")
    faults.plant_fault(method, "NoPermission", at=at, which=Entities(times=1))
    left(of_a_job_that_is_over(), path)
    assert remove_left_workers(drive.steps.vcenter_id) == 0
    assert drive.exists(path)
    assert remove_left_workers(drive.steps.vcenter_id) == 1
    drive.leaves_nothing()
    assert drive.exists(path)


def test_a_vm_that_only_has_such_a_name_is_somebodys(drive: Drive, operator: Operator, unused: InTurn) -> None:
    vm = known.vm(unused.vm()).moref
    operator.do(lambda _: operator.vm(vm).Rename_Task("vrelocate-worker-12345678"))
    assert remove_left_workers(drive.steps.vcenter_id) == 0
    assert len(read_vm(operator.session, vm).disks) == 1
