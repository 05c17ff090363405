"""What is read back at the end: a disk that is not the one that was moved is never a success, and changes are told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from app.jobs.models import Job
from app.jobs.states import JobState
from app.vsphere import relocation
from app.vsphere.facts import DiskFormat
from app.vsphere.session import Session
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.programs.driving import Drive
from tests.integration.operating import Operator

pytestmark = pytest.mark.integration

MIB = 2**20


def extend(operator: Operator, path: str, to_bytes: int) -> None:
    operator.do(
        lambda content: content.virtualDiskManager.ExtendVirtualDisk_Task(
            name=path, datacenter=content.rootFolder.childEntity[0], newCapacityKb=to_bytes // 1024, eagerZero=False
        )
    )


def refused(job: Job) -> str:
    assert (job.state, job.error_code) == (JobState.FAILED, 530)
    assert [attempt.fault for attempt in rows.attempts(job.id)] == ["DiskChanged"]
    return job.error_text or ""


def test_a_disk_of_a_vm_that_has_another_capacity(drive: Drive, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("pair")
    job_id = drive.steps.ask_vm(name, "new")
    drive.steps.submit(job_id)
    drive.steps.watch()
    moved = [disk.path for disk in drive.disks_of(name)]
    extend(operator, moved[1], 12 * MIB)
    told = refused(drive.steps.finish(job_id))
    disk = known.disks(name)[1]
    assert f"disk {disk.name} has a capacity of {12 * MIB} bytes now, and had {8 * MIB}" in told
    assert "everything is on its target, but" in told
    drive.leaves_nothing()


@pytest.mark.parametrize("family", ["thin", "thick"])
def test_a_detached_disk_that_has_another_capacity(
    drive: Drive, operator: Operator, unused: InTurn, family: str
) -> None:
    path = unused.disk(family=family)
    moved, volume = path.replace("[old]", "[new]"), known.volume(path)
    job_id = drive.steps.ask_disk(path, "new")
    drive.steps.submit(job_id)
    while not drive.exists(moved):
        drive.steps.watch()
        if drive.asked(job_id)[-1] in {"place-disk", "move-virtual-disk"}:
            break
        drive.steps.finish(job_id)
    extend(operator, moved, 40 * MIB)
    assert f"has a capacity of {40 * MIB} bytes now, and had {volume.capacity_bytes}" in refused(drive.to_end(job_id))
    drive.leaves_nothing()


def test_a_format_that_vcenter_has_changed_is_told(
    drive: Drive, unused: InTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As RelocateVM_Task does between datastores that cannot keep it; here it is asked to, behind our back."""
    name = unused.vm("pair")
    relocate = relocation.relocate_vm

    def converting(session: Session, vm: str, *, disks: Mapping[int, str], **rest: object) -> str:
        eager = dict.fromkeys(disks, DiskFormat.EAGER)
        return relocate(session, vm, disks=disks, **(rest | {"formats": eager}))  # type: ignore[arg-type]

    with monkeypatch.context() as edge:
        edge.setattr(relocation, "relocate_vm", converting)
        job_id = drive.steps.ask_vm(name, "new")
        job = drive.succeed(job_id)
    changes = {
        str(known.disks(name)[0].id): {"wanted": "thin", "found": "eager"},
        str(known.disks(name)[1].id): {"wanted": "thick", "found": "eager"},
    }
    assert job.result is not None
    assert {disk["volume_id"]: disk["format_changed"] for disk in job.result["disks"]} == changes
    finished = rows.history(job_id)[-1]
    assert {key: disk["format_changed"] for key, disk in finished.detail["disks"].items()} == changes
    assert {key: disk["path"] for key, disk in finished.detail["disks"].items()} == {
        str(disk.id): disk.path for disk in known.disks(name)
    }
