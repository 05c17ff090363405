"""What has changed since the last sync, or since the request was accepted, is noticed and said."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from app.db import transaction
from app.errors import NotFound
from app.jobs.states import JobState
from app.migration.dry_run import DryRun, dry_run
from app.migration.requests import MigrateVirtualMachine, MigrateVolume
from app.vsphere import worker_vm
from app.vsphere.policies import _asked, pbm
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.tasks import cancel_task
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.checks.watching import nothing_changes
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission
from tests.integration.operating import DEADLINE_SECONDS, Operator
from tests.running.ledger import Ledger
from tests.running.waiting import until

pytestmark = pytest.mark.integration


def of_vm(name: str, to: str = "new") -> MigrateVirtualMachine:
    return MigrateVirtualMachine(vm_id=known.vm(name).id, pool_id=known.pool(to).id)


def of_disk(path: str, to: str = "new") -> MigrateVolume:
    return MigrateVolume(volume_id=known.volume(path).id, pool_id=known.pool(to).id)


def rules(told: DryRun) -> list[str]:
    return [objection.rule for objection in told.refusals]


def refused(steps: Steps, job_id: UUID) -> str:
    job = steps.submit(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, 431), job.error_text
    assert admission() == NOTHING_TAKEN
    return job.error_text or ""


def test_a_disk_that_somebody_has_given_to_a_stopped_vm(steps: Steps, operator: Operator, unused: InTurn) -> None:
    """The VM would not find it again, and locks nothing."""
    path, name = unused.disk(family="spare"), unused.vm("spare")
    job_id = steps.ask(of_disk(path))
    operator.attach(known.vm(name).moref, path, key=-1, unit=3)
    with nothing_changes(steps.vcenter):
        told = dry_run(of_disk(path))
    assert rules(told) == ["disk_is_detached", "no_other_job"]
    assert f"is attached to VM {name} by now: sync the vCenter and migrate it as" in refused(steps, job_id)
    assert steps.started(path) == 0


@pytest.mark.usefixtures("steps")
def test_a_disk_that_is_only_in_a_snapshot_of_a_vm(operator: Operator, unused: InTurn) -> None:
    path, name = unused.disk(family="spare"), unused.vm("spare")
    vm = known.vm(name).moref
    operator.attach(vm, path, key=-1, unit=3)
    snapshot = {"name": "s", "memory": False, "quiesce": False}
    operator.do(lambda _: operator.vm(vm).CreateSnapshot_Task(**snapshot))
    operator.detach(vm, known_keys(operator, vm)[-1])
    assert rules(dry_run(of_disk(path))) == ["disk_is_detached"]


def known_keys(operator: Operator, vm: str) -> list[int]:
    def disks(_: VimObject) -> list[int]:
        devices = operator.vm(vm).config.hardware.device
        return sorted(device.key for device in devices if isinstance(device, vim.vm.device.VirtualDisk))

    return operator.session.call(disks)


@pytest.mark.usefixtures("steps")
def test_a_worker_vm_of_another_job_is_a_vm_too(operator: Operator, unused: InTurn) -> None:
    path, other = unused.disk(family="spare"), UUID(int=7)
    disk = known.volume(path)
    old, new = known.pool("old").moref, known.pool("new").moref
    place = worker_vm.worker_place(operator.session, [old, new], job_id=str(other))
    assert place
    task = worker_vm.create_worker(
        operator.session,
        job_id=str(other),
        instance_uuid=str(other),
        name="vrelocate-worker-7",
        datacenter=datacenter(),
        disk_path=disk.path,
        home_datastore=new,
        place=place,
    )
    operator.do(lambda _: operator.session.moref("Task", task))
    assert rules(dry_run(of_disk(path))) == ["disk_is_detached"]


def datacenter() -> str:
    with transaction() as session:
        return str(session.execute(text("SELECT moref FROM zone")).scalar_one())


def test_a_disk_that_a_sync_has_found_attached(steps: Steps, operator: Operator, unused: InTurn) -> None:
    """Asked for as a detached one: nobody has asked for the VM's disks to be moved."""
    path, name = unused.disk(family="spare"), unused.vm("spare")
    job_id = steps.ask(of_disk(path))
    operator.attach(known.vm(name).moref, path, key=-1, unit=3)
    known.sync(steps.vcenter_id)
    told = refused(steps, job_id)
    assert f"was attached to nothing when this was asked for, and is attached to VM {name} now: ask again" in told
    assert dry_run(of_disk(path)).would_start
    assert steps.run(steps.ask(of_disk(path))).state is JobState.SUCCEEDED


def test_a_vm_s_disk_that_a_sync_has_found_detached(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("spare")
    [disk] = known.disks(name)
    assert disk.device_key
    job_id = steps.ask(of_disk(disk.path))
    operator.detach(known.vm(name).moref, disk.device_key)
    known.sync(steps.vcenter_id)
    assert "was attached to a VM when this was asked for, and is attached to nothing now" in refused(steps, job_id)


def test_a_vm_that_was_started(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("spare")
    operator.power_on(known.vm(name).moref)
    with nothing_changes(steps.vcenter):
        told = dry_run(of_vm(name))
    assert rules(told) == ["vm_is_stopped"]
    assert known.vm(name).power_state == "poweredOff", "what was seen is forgotten"


def test_a_vm_that_was_renamed(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("spare")
    request = of_vm(name)
    operator.do(lambda _: operator.vm(known.vm(name).moref).Rename_Task("renamed"))
    assert (dry_run(request).vm, dry_run(request).would_start) == ("renamed", True)
    assert steps.run(steps.ask(request)).state is JobState.SUCCEEDED
    assert known.vm("renamed").id == request.vm_id


def test_a_vm_that_was_moved_away(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("spare")
    operator.relocate(known.vm(name).moref, known.pool("gold").moref)
    [disk] = dry_run(of_vm(name)).disks
    assert (disk.source, disk.target) == ("gold", "new")
    assert rules(dry_run(of_vm(name, "gold"))) == ["not_there_already"]
    assert known.disks(name)[0].pool.name == "old"
    assert steps.run(steps.ask(of_vm(name))).state is JobState.SUCCEEDED


def test_a_vm_that_is_gone(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("spare")
    operator.destroy(known.vm(name).moref)
    with nothing_changes(steps.vcenter), pytest.raises(NotFound):
        dry_run(of_vm(name))


def test_a_vm_that_somebody_works_on(steps: Steps, operator: Operator) -> None:
    task = operator.begin_relocation(known.vm("slow").moref, known.pool("gold").moref)
    told = dry_run(of_vm("slow"))
    assert rules(told) == ["vm_is_idle"]
    job = steps.submit(steps.ask(of_vm("slow")))
    assert job.state is JobState.QUEUED
    assert rows.attempts(job.id)[0].fault == "VmBusy"
    cancel_task(operator.session, task)
    until(lambda: not Ledger(steps.vcenter).running(), DEADLINE_SECONDS, "nothing runs")


def test_what_a_job_works_on_already(steps: Steps, unused: InTurn) -> None:
    name = unused.vm("spare")
    job_id = steps.ask(of_vm(name))
    [objection] = dry_run(of_vm(name)).refusals
    assert (objection.rule, objection.found) == ("no_other_job", f"job {job_id} already works on it")
    assert steps.run(job_id).state is JobState.SUCCEEDED


def give_policy(operator: Operator, vm: str, key: int, name: str = "golden") -> None:
    """Let a VM's disk have a storage policy."""

    def find(content: VimObject) -> str:
        of_storage = pbm.profile.ResourceType(resourceType="STORAGE")
        ids = content.profileManager.PbmQueryProfile(resourceType=of_storage)
        [found] = [it for it in content.profileManager.PbmRetrieveContent(ids) if it.name == name]
        return str(found.profileId.uniqueId)

    policy = vim.vm.DefinedProfileSpec(profileId=_asked(operator.session, find))
    devices = operator.session.call(lambda _: operator.vm(vm).config.hardware.device)
    disk = next(device for device in devices if device.key == key)
    change = vim.vm.device.VirtualDeviceSpec(operation="edit", device=disk, profile=[policy])
    operator.do(lambda _: operator.vm(vm).ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[change])))


def test_a_storage_policy_that_the_target_does_not_suit(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("spare")
    give_policy(operator, known.vm(name).moref, known.disks(name)[0].device_key or 0)
    with nothing_changes(steps.vcenter):
        told = dry_run(of_vm(name))
    assert rules(told) == ["policies_suit"]
    [disk] = known.disks(name)
    assert f"volume {disk.name} has storage policy golden, which storage pool new does not suit" in refused(
        steps, steps.ask(of_vm(name))
    )
    assert steps.run(steps.ask(of_vm(name, "gold"))).state is JobState.SUCCEEDED
