"""A detached disk that one call does not move as it is: a worker VM carries it, and nothing of that is left."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.jobs.models import Job
from app.migration.requests import MigrateVolume
from app.vsphere.disks import query_uuid
from app.vsphere.facts import DiskFormat
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.programs.driving import Drive
from tests.integration.operating import Operator

pytestmark = pytest.mark.integration

PROGRAM = ["create-worker", "relocate-worker", "detach-worker-disks", "place-disk", "destroy-worker"]
METHODS = ("CreateVM_Task", "RelocateVM_Task", "ReconfigVM_Task", "MoveVirtualDisk_Task", "Destroy_Task")


def told_of(job: Job) -> dict[str, object]:
    """What the result says of the one disk."""
    assert job.result is not None
    [disk] = job.result["disks"]
    return dict(disk)


def detached_eager(operator: Operator, name: str, vcenter_id: UUID) -> str:
    """Let somebody detach an eagerly zeroed disk; a sync has seen both."""
    disk = known.disks(name)[1]
    assert disk.format == DiskFormat.EAGER
    operator.detach(known.vm(name).moref, disk.device_key or 0)
    known.sync(vcenter_id)
    return disk.path


def test_a_thin_disk_stays_what_it_is(drive: Drive, unused: InTurn) -> None:
    path = unused.disk(family="thin")
    moved = path.replace("[old]", "[new]")
    volume, bytes_before = known.volume(path), drive.digest(path)
    uuid = query_uuid(drive.session, path, drive.datacenter())
    job_id = drive.steps.ask_disk(path, "new")
    job = drive.succeed(job_id)

    drive.is_at(volume.id, moved)
    assert not drive.exists(path)
    after = known.volume_of_id(volume.id)
    assert (after.format, after.thin, after.capacity_bytes) == ("thin", True, volume.capacity_bytes)
    assert query_uuid(drive.session, moved, drive.datacenter()) == uuid
    assert drive.digest(moved) == bytes_before
    told = told_of(job)
    assert (told["from"], told["to"], told["path"], told["format"]) == ("old", "new", moved, "thin")
    assert "format_changed" not in told
    assert drive.asked(job_id) == PROGRAM
    assert drive.calls(*METHODS) == dict.fromkeys(METHODS, 1)
    [attempt] = rows.attempts(job_id)
    assert (attempt.strategy, attempt.outcome) == ("vmware-worker-vm", "succeeded")


def test_an_eagerly_zeroed_disk_stays_what_it_is(drive: Drive, operator: Operator, unused: InTurn) -> None:
    path = detached_eager(operator, unused.vm("eager"), drive.steps.vcenter_id)
    volume = known.volume(path)
    job = drive.succeed(drive.steps.ask_disk(path, "new"))
    drive.is_at(volume.id, path.replace("[old]", "[new]"))
    after = known.volume_of_id(volume.id)
    assert (after.format, after.thin, after.disk_uuid) == ("eager", False, volume.disk_uuid)
    told = told_of(job)
    assert (told["format"], "format_changed" in told) == ("eager", False)
    # What nobody tells of a detached disk is told by a VM that has it.
    operator.attach(known.vm("vm-01").moref, after.path, key=-1, unit=5)
    known.sync(drive.steps.vcenter_id)
    assert (known.volume_of_id(volume.id).format, known.volume_of_id(volume.id).vm_id) == (
        "eager",
        known.vm("vm-01").id,
    )


@pytest.mark.parametrize(
    ("family", "wanted"), [("thin", DiskFormat.THICK), ("thin", DiskFormat.EAGER), ("thick", DiskFormat.THIN)]
)
def test_a_disk_is_converted_on_request(drive: Drive, unused: InTurn, family: str, wanted: DiskFormat) -> None:
    path = unused.disk(family=family)
    volume = known.volume(path)
    request = MigrateVolume(volume_id=volume.id, pool_id=known.pool("new").id, format=wanted)
    job = drive.succeed(drive.steps.ask(request))
    after = known.volume_of_id(volume.id)
    assert (after.path, after.thin) == (path.replace("[old]", "[new]"), wanted is DiskFormat.THIN)
    assert "format_changed" not in told_of(job)


def test_a_sync_at_any_moment_leaves_the_disk_and_shows_no_worker(drive: Drive, unused: InTurn) -> None:
    path = unused.disk(family="thin")
    volume, machines = known.volume(path), known.sync(drive.steps.vcenter_id).virtual_machines
    job_id = drive.steps.ask_disk(path, "new")
    drive.steps.submit(job_id)
    for _ in PROGRAM:
        assert known.sync(drive.steps.vcenter_id).virtual_machines == machines
        seen = known.volume_of_id(volume.id)
        assert (seen.removed_at, seen.vm_id, seen.moved_by) == (None, None, job_id)
        drive.turn(job_id)
    drive.succeeded(job_id)
    report = known.sync(drive.steps.vcenter_id)
    assert report.virtual_machines == machines
    drive.is_at(volume.id, path.replace("[old]", "[new]"))
