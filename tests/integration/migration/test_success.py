"""Migrations that work: believed because every disk was read back on its target."""

from __future__ import annotations

import threading

import pytest

from app.jobs.states import JobState
from app.migration.requests import MigrateVolume
from app.vsphere.inventory import disk_exists, read_vm
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission
from tests.integration.operating import Operator
from tests.running.waiting import until

pytestmark = pytest.mark.integration


def test_a_stopped_vm_with_all_of_its_disks(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("pair")
    vm, disks, target = known.vm(name), known.disks(name), known.pool("new")
    job = steps.run(steps.ask_vm(name, "new"))

    assert (job.state, job.progress, job.error_text) == (JobState.SUCCEEDED, 100, None)
    assert job.result is not None
    assert (job.result["kind"], job.result["id"]) == ("virtualmachine", str(vm.id))
    told = {disk["volume_id"]: disk for disk in job.result["disks"]}
    assert set(told) == {str(disk.id) for disk in disks}
    assert {(it["from"], it["to"], it["verified"]) for it in told.values()} == {("old", "new", True)}
    # A thin disk counts with what it holds, a thick one with all of it.
    assert 16 * 2**20 <= told[str(disks[0].id)]["bytes"] < 20 * 2**20
    assert 32 * 2**20 <= told[str(disks[1].id)]["bytes"] < 33 * 2**20
    [attempt] = rows.attempts(job.id)
    assert attempt.bytes == sum(it["bytes"] for it in told.values())

    shown = read_vm(operator.session, vm.moref)
    assert {shown.home_datastore_moref, *(disk.datastore_moref for disk in shown.disks)} == {target.moref}
    assert known.vm(name).home_pool_id == target.id
    assert [(disk.id, disk.pool_id) for disk in known.disks(name)] == [(disk.id, target.id) for disk in disks]
    assert steps.ledger(name) == {"started": 1, "succeeded": 1, "failed": 0, "cancelled": 0, "overlapping": 0}
    assert admission() == NOTHING_TAKEN


def test_the_history_of_a_migration(steps: Steps, unused: InTurn) -> None:
    job_id = steps.ask_vm(unused.vm(), "new")
    steps.run(job_id)
    told = [(event.kind, event.to_state) for event in rows.history(job_id)]
    assert told == [
        ("accepted", "queued"),
        ("claimed", "submitting"),
        ("intended", None),
        ("submitted", "running"),
        ("settled", None),
        ("claimed", "verifying"),
        ("finished", "succeeded"),
    ]
    [attempt], [task] = rows.attempts(job_id), rows.tasks(job_id)
    assert (attempt.number, attempt.outcome, attempt.strategy) == (1, "succeeded", "vmware-storage-motion")
    assert (task.state, task.progress, task.adopted) == ("success", 100, False)


def test_a_detached_disk(steps: Steps, operator: Operator, unused: InTurn) -> None:
    path = unused.disk()
    volume = known.volume(path)
    job = steps.run(steps.ask_disk(path, "new"))
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    moved = path.replace("[old]", "[new]")
    after = known.volume_of_id(volume.id)
    assert (after.path, after.pool_id, after.thin) == (moved, known.pool("new").id, False)
    [datacenter] = {operator.session.call(lambda content: content.rootFolder.childEntity[0]._moId)}
    assert disk_exists(operator.session, datacenter, moved)
    assert disk_exists(operator.session, datacenter, path) is None
    assert steps.started(path) == 1
    assert admission() == NOTHING_TAKEN


def test_a_detached_disk_in_the_root_of_its_datastore(steps: Steps) -> None:
    volume = known.volume("[old] in-the-root.vmdk")
    job = steps.run(steps.ask_disk(volume.path, "new"))
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert known.volume_of_id(volume.id).path == "[new] in-the-root.vmdk"
    assert known.volume_of_id(volume.id).thin is False


def test_one_disk_of_a_vm_moves_alone(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("pair")
    first, second = known.disks(name)
    job = steps.run(steps.ask(MigrateVolume(volume_id=second.id, pool_id=known.pool("new").id)))
    assert (job.state, job.subject) == (JobState.SUCCEEDED, f"vm:{known.vm(name).id}")
    old, new = known.pool("old"), known.pool("new")
    shown = read_vm(operator.session, known.vm(name).moref)
    assert [disk.datastore_moref for disk in shown.disks] == [old.moref, new.moref]
    assert shown.home_datastore_moref == old.moref
    assert [disk.id for disk in known.disks(name)] == [first.id, second.id]


def test_what_is_there_already_is_not_moved(steps: Steps, unused: InTurn) -> None:
    name = unused.vm("split")
    first, there = known.disks(name)
    assert there.pool.name == "wide"
    job = steps.run(steps.ask_vm(name, "wide"))
    assert job.state is JobState.SUCCEEDED
    assert job.result is not None
    assert [disk["volume_id"] for disk in job.result["disks"]] == [str(first.id)]
    assert {disk.pool.name for disk in known.disks(name)} == {"wide"}


def test_progress_can_be_read_while_vcenter_works(steps: Steps, unused: InTurn) -> None:
    job_id = steps.ask_vm(unused.vm("slow"), "new")
    watching = threading.Thread(target=steps.watch)
    with steps.slowly():
        steps.submit(job_id)
        assert rows.job(job_id).phase == "queued by vCenter"
        watching.start()
        seen = until(lambda: 0 < rows.job(job_id).progress < 100, 20, "some progress")
        assert seen
        assert (rows.job(job_id).state, rows.job(job_id).phase) == (JobState.RUNNING, "relocating")
    watching.join(30)
    assert steps.finish(job_id).state is JobState.SUCCEEDED


def test_while_vcenter_works_nobody_holds_the_job_and_its_slots_are_taken(steps: Steps, unused: InTurn) -> None:
    name = unused.vm("slow")
    with steps.slowly():
        job = steps.submit(steps.ask_vm(name, "new"))
        assert (job.state, job.lease_owner) == (JobState.RUNNING, None)
        # vCenter, host, source and target; the target's space; the one disk.
        assert admission() == (4, 1, 1)
        assert known.disks(name)[0].moved_by == job.id
    steps.watch()
    assert steps.finish(job.id).state is JobState.SUCCEEDED
    assert admission() == NOTHING_TAKEN


def test_a_sync_in_mid_migration_leaves_the_disks_to_it(steps: Steps, unused: InTurn) -> None:
    name, path = unused.vm("slow"), unused.disk("slow", "slow")
    volume, [disk] = known.volume(path), known.disks(name)
    with steps.slowly():
        jobs = [steps.submit(steps.ask_vm(name, "new")).id, steps.submit(steps.ask_disk(path, "new")).id]
        before = known.sync(steps.vcenter_id).volumes
        assert known.volume_of_id(volume.id).path == path
        assert known.volume_of_id(disk.id).removed_at is None
    steps.watch()
    assert [steps.finish(job_id).state for job_id in jobs] == [JobState.SUCCEEDED] * 2
    after = known.sync(steps.vcenter_id).volumes
    assert after == before + 1, "the pass in between left out the detached disk, and took no half copy for a new one"
    assert known.disks(name)[0].id == disk.id
