"""What a dry run tells beside objections: which member of a datastore cluster, which way, and what is left out."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from app.db import transaction
from app.errors import InvalidParameter, NotFound
from app.inventory.models import VCenter, Volume
from app.inventory.offerings import assign_offering, create_offering
from app.jobs.states import JobState
from app.migration.dry_run import dry_run, dry_run_to_json
from app.migration.requests import MigrateVirtualMachine, MigrateVolume
from app.migration.suitability import pools_for_volume
from app.vsphere.facts import DiskFormat
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs.rows import NOBODY
from tests.integration.migration.checks.watching import nothing_changes
from tests.integration.migration.steps import Steps

pytestmark = pytest.mark.integration


def test_a_datastore_cluster_stands_beside_its_members(steps: Steps, unused: InTurn) -> None:
    volume = known.volume(unused.disk(family="thick"))
    with transaction() as session:
        judged = {it.pool.name: it for it in pools_for_volume(session, volume.id)}
    assert {"pod", "member-1", "member-2"} <= {name for name, it in judged.items() if it.suitable}
    with nothing_changes(steps.vcenter):
        told = dry_run(MigrateVolume(volume_id=volume.id, pool_id=known.pool("pod").id))
    [disk] = told.disks
    assert (disk.target, told.would_start) == ("member-2", True)


def test_a_full_member_is_left_out_by_what_vcenter_says_now(steps: Steps, unused: InTurn) -> None:
    """The sync has seen less on one member than there is; both members are looked at before one is chosen."""
    volume = known.volume(unused.disk(family="thick"))
    with transaction() as session:
        session.merge(known.pool("member-2")).free_bytes = 0
    assert dry_run(MigrateVolume(volume_id=volume.id, pool_id=known.pool("pod").id)).disks[0].target == "member-2"
    assert known.pool("member-2").free_bytes == 0
    assert steps.vcenter_id


def test_the_member_with_the_tags_of_the_new_offering_is_chosen(steps: Steps, unused: InTurn) -> None:
    """The volume's own offering asks for what the larger member has."""
    volume, pod = known.volume(unused.disk(family="thick")), known.pool("pod")
    assign_offering(volume.id, create_offering("of the second", "", ["second"]))
    new = create_offering("of the first", "", ["first"])
    with transaction() as session:
        session.merge(known.pool("member-1")).own_tags = ["first"]
        session.merge(known.pool("member-2")).own_tags = ["second"]
    keeping, changing = (MigrateVolume(volume.id, pod.id, offering_id=it) for it in (None, new))
    assert [dry_run(it).disks[0].target for it in (keeping, changing)] == ["member-2", "member-1"]
    assert dry_run(changing).would_start
    job = steps.run(steps.ask(changing))
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    after = known.volume_of_id(volume.id)
    assert (after.pool.name, after.disk_offering_id) == ("member-1", new)


def test_the_disks_that_are_asked_for_move_and_a_raw_device_stays(steps: Steps) -> None:
    first, raw = known.disks("raw")
    new = known.pool("new").id
    request = MigrateVirtualMachine(vm_id=known.vm("raw").id, volumes={first.id: new})
    with nothing_changes(steps.vcenter):
        told = dry_run(request)
    assert (told.would_start, [disk.name for disk in told.disks]) == (True, [first.name])
    assert (told.strategy, told.steps) == ("vmware-storage-motion", ("relocating",))
    assert told.home is not None
    assert (told.home.source, told.home.target) == ("old", "new")
    assert steps.run(steps.ask(request)).state is JobState.SUCCEEDED
    assert [disk.pool.name for disk in known.disks("raw")] == ["new", "old"]
    assert known.disks("raw")[1].id == raw.id


@pytest.mark.usefixtures("steps")
def test_the_disks_that_nobody_shares_move_alone() -> None:
    own, shared = known.disks("multi-writer")
    new, vm_id = known.pool("new").id, known.vm("multi-writer").id
    assert dry_run(MigrateVirtualMachine(vm_id=vm_id, volumes={own.id: new})).would_start
    assert not dry_run(MigrateVirtualMachine(vm_id=vm_id, volumes={shared.id: new})).would_start


def test_a_way_of_several_steps(steps: Steps, unused: InTurn) -> None:
    path = unused.disk(family="thick")
    request = MigrateVolume(volume_id=known.volume(path).id, pool_id=known.pool("gold").id, format=DiskFormat.THIN)
    with nothing_changes(steps.vcenter):
        told = dry_run(request)
    assert (told.vm, told.home, told.strategy) == (None, None, "vmware-worker-vm")
    assert len(told.steps) > 1
    [disk] = told.disks
    assert (disk.source, disk.target, disk.target_format) == ("old", "gold", "thin")
    shown = dry_run_to_json(told)
    assert (shown["wouldstart"], shown["steps"], shown["home"]) == (True, list(told.steps), None)
    assert shown["disks"][0] | {"volumeid": "", "bytes": 0, "format": None} == {
        "volumeid": "",
        "name": disk.name,
        "from": "old",
        "to": "gold",
        "bytes": 0,
        "capacity": 64 * 2**20,
        "format": None,
        "targetformat": "thin",
    }


def test_a_first_class_disk(steps: Steps) -> None:
    with transaction() as session:
        disk = session.scalars(select(Volume).where(Volume.fcd_id.is_not(None)).limit(1)).one()
    with nothing_changes(steps.vcenter):
        told = dry_run(MigrateVolume(volume_id=disk.id, pool_id=known.pool("new").id))
    assert (told.strategy, told.would_start) == ("vmware-relocate-fcd", True)


@pytest.mark.usefixtures("steps")
def test_what_cannot_be_meant_is_refused_as_the_job_would_be() -> None:
    new = known.pool("new").id
    with pytest.raises(NotFound):
        dry_run(MigrateVolume(volume_id=NOBODY, pool_id=new))
    with pytest.raises(InvalidParameter):
        dry_run(MigrateVirtualMachine(vm_id=known.vm("spare-01").id))


def test_a_vcenter_that_must_not_move_anything(steps: Steps, unused: InTurn) -> None:
    """Its disks go through secondary storage, and there is none."""
    with transaction() as session:
        session.execute(update(VCenter).values(native_motion=False))
    volume = known.volume(unused.disk(family="thick"))
    request = MigrateVolume(volume_id=volume.id, pool_id=known.pool("gold").id)
    told = dry_run(request)
    assert [objection.rule for objection in told.refusals] == ["some_strategy_can"]
    assert "storage-migration: no secondary storage is configured" in told.refusals[0].found
    with transaction() as session:
        judged = {it.pool.name: it for it in pools_for_volume(session, volume.id)}
    assert not judged["gold"].suitable
    assert steps.submit(steps.ask(request)).error_text == told.refusals[0].text
