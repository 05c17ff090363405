"""First Class Disks: vCenter moves them itself, and they keep their ids, here and there."""

from __future__ import annotations

import pytest

from app.jobs.states import JobState
from app.migration.requests import MigrateVolume
from app.vsphere.facts import DiskFormat
from app.vsphere.first_class_disks import find_first_class_disk
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.programs.driving import Drive
from tests.running.faults import Entities, Faults

pytestmark = pytest.mark.integration

RELOCATE = "RelocateVStorageObject_Task"


@pytest.mark.parametrize(("family", "disk_format"), [("pvc", "thin"), ("archive", "thick")])
def test_one_keeps_its_ids_and_its_format(drive: Drive, unused: InTurn, family: str, disk_format: str) -> None:
    volume = known.volume(f"[old] fcd/{unused.vm(family)}.vmdk")
    job_id = drive.steps.ask(MigrateVolume(volume_id=volume.id, pool_id=known.pool("new").id))
    job = drive.succeed(job_id)
    after = known.volume_of_id(volume.id)
    assert (after.fcd_id, after.format, after.pool.name) == (volume.fcd_id, disk_format, "new")
    found = find_first_class_disk(drive.session, volume.fcd_id or "", [known.pool("new").moref])
    assert found is not None
    assert (found.path, found.capacity_bytes) == (after.path, volume.capacity_bytes)
    assert job.result is not None
    [told] = job.result["disks"]
    assert (told["path"], told["to"], "format_changed" in told) == (after.path, "new", False)
    assert drive.asked(job_id) == ["relocate-first-class-disk"]
    assert drive.calls(RELOCATE) == {RELOCATE: 1}
    assert rows.attempts(job_id)[0].strategy == "vmware-relocate-fcd"
    known.sync(drive.steps.vcenter_id)
    drive.is_at(volume.id, after.path)


def test_a_conversion_that_vcenter_did_not_carry_out_is_no_success(drive: Drive, unused: InTurn) -> None:
    """The simulated vCenter relocates First Class Disks as they are, whatever its specification says."""
    name = unused.vm("pvc")
    volume = known.volume(f"[old] fcd/{name}.vmdk")
    request = MigrateVolume(volume_id=volume.id, pool_id=known.pool("new").id, format=DiskFormat.EAGER)
    job = drive.to_end(drive.steps.ask(request))
    assert (job.state, job.error_code) == (JobState.FAILED, 530)
    assert f"vCenter reports success, but disk {volume.name} is on new, and still thin" in (job.error_text or "")
    after = known.volume_of_id(volume.id)
    assert (after.pool.name, after.format) == ("new", "thin")
    drive.leaves_nothing()


@pytest.mark.parametrize("fault", ["FileLocked", "NoDiskSpace"])
def test_one_that_fails_half_way_is_where_it_was_and_is_tried_again(
    drive: Drive, faults: Faults, unused: InTurn, fault: str
) -> None:
    volume = known.volume(f"[old] fcd/{unused.vm('pvc')}.vmdk")
    faults.plant_fault(RELOCATE, fault, at="50%")
    job_id = drive.steps.ask(MigrateVolume(volume_id=volume.id, pool_id=known.pool("new").id))
    drive.steps.run(job_id)
    assert rows.job(job_id).state is JobState.QUEUED
    assert find_first_class_disk(drive.session, volume.fcd_id or "", [known.pool("old").moref])
    drive.succeed(job_id)
    assert [attempt.fault for attempt in rows.attempts(job_id)] == [fault, None]


def test_one_that_cannot_be_moved_stays_and_says_why(drive: Drive, faults: Faults, unused: InTurn) -> None:
    name = unused.vm("pvc")
    volume = known.volume(f"[old] fcd/{name}.vmdk")
    faults.plant_fault(RELOCATE, "NotSupported", at="50%", which=Entities(times="always"))
    job = drive.to_end(drive.steps.ask(MigrateVolume(volume_id=volume.id, pool_id=known.pool("new").id)))
    assert job.state is JobState.FAILED
    assert f"disk {volume.name} is still on old" in (job.error_text or "")
    drive.is_at(volume.id, volume.path)
    drive.leaves_nothing()
