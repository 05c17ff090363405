"""Somebody changes things while a job is under way: noticed at its end, said, and never guessed.

What they change before it is submitted is met by the pre-flight checks (checks/test_meanwhile.py).
"""

from __future__ import annotations

from uuid import UUID

import pytest

from app.jobs.models import Job
from app.jobs.states import JobState
from app.migration.requests import MigrateVirtualMachine
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.faults.truth import disagreements
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission
from tests.integration.operating import Operator

pytestmark = pytest.mark.integration


def moved(steps: Steps, job_id: UUID) -> UUID:
    """Let vCenter do all of it; nobody has looked yet."""
    steps.submit(job_id)
    steps.watch()
    assert rows.tasks(job_id)[-1].state == "success"
    return job_id


def finished(steps: Steps, job_id: UUID) -> Job:
    """Let a worker look, and then a sync: both see the same."""
    job = steps.finish(job_id)
    assert admission() == NOTHING_TAKEN
    known.sync(steps.vcenter_id)
    assert disagreements(steps.vcenter_id) == []
    return job


def failed(steps: Steps, job_id: UUID) -> str:
    job = finished(steps, job_id)
    assert (job.state, len(rows.attempts(job_id))) == (JobState.FAILED, 1)
    return job.error_text or ""


def succeeded(steps: Steps, job_id: UUID) -> list[str]:
    """Return the names of the disks that the result tells of."""
    job = finished(steps, job_id)
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert job.result is not None
    return [disk["name"] for disk in job.result["disks"]]


def test_a_vm_that_was_moved_away_again(steps: Steps, operator: Operator, unused: InTurn) -> None:
    """It is where they want it: nobody drags it back."""
    name = unused.vm()
    job_id = moved(steps, steps.ask_vm(name, "new"))
    operator.relocate(known.vm(name).moref, known.pool("gold").moref)
    text = failed(steps, job_id)
    assert text.startswith("vCenter reports success, but ")
    assert f"disk {name} is still on gold, the configuration of VM {name} is still on gold" in text
    assert [disk.pool.name for disk in known.disks(name)] == ["gold"]


def test_a_vm_that_was_renamed(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm()
    vm = known.vm(name)
    job_id = moved(steps, steps.ask_vm(name, "new"))
    operator.do(lambda _: operator.vm(vm.moref).Rename_Task(f"{name}-of-theirs"))
    assert succeeded(steps, job_id) == [name]
    assert known.vm(f"{name}-of-theirs").id == vm.id


def test_a_vm_that_was_deleted(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm()
    [disk] = known.disks(name)
    job_id = moved(steps, steps.ask_vm(name, "new"))
    operator.destroy(known.vm(name).moref)
    assert "was removed from the inventory" in failed(steps, job_id)
    assert known.volume_of_id(disk.id).removed_at is not None


def test_a_vm_that_was_started(steps: Steps, operator: Operator, unused: InTurn) -> None:
    """The move was over by then."""
    name = unused.vm()
    job_id = moved(steps, steps.ask_vm(name, "new"))
    operator.power_on(known.vm(name).moref)
    assert succeeded(steps, job_id) == [name]
    assert known.vm(name).power_state == "poweredOn"


def test_a_vm_that_was_registered_anew(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm()
    vm = known.vm(name)
    job_id = moved(steps, steps.ask_vm(name, "new"))
    operator.register_anew(vm.moref)
    assert succeeded(steps, job_id) == [name]
    assert (known.vm(name).id, known.vm(name).moref == vm.moref) == (vm.id, False)


def test_a_disk_that_was_given_to_the_vm_meanwhile(steps: Steps, operator: Operator, unused: InTurn) -> None:
    """All of the VM was to go, and this one did not: whether it should have, nobody here can know."""
    name, given = unused.vm(), unused.disk()
    job_id = moved(steps, steps.ask_vm(name, "new"))
    operator.attach(known.vm(name).moref, given, key=2005, unit=5)
    text = failed(steps, job_id)
    assert text.startswith("vCenter reports success, but disk data-")
    assert "is still on old" in text
    assert [disk.pool.name for disk in known.disks(name)] == ["new", "old"]


def test_a_disk_that_was_given_to_a_vm_of_which_others_were_to_go(
    steps: Steps, operator: Operator, unused: InTurn
) -> None:
    name, given = unused.vm(), unused.disk()
    [root] = known.disks(name)
    request = MigrateVirtualMachine(vm_id=known.vm(name).id, volumes={root.id: known.pool("new").id})
    job_id = moved(steps, steps.ask(request))
    operator.attach(known.vm(name).moref, given, key=2005, unit=5)
    assert succeeded(steps, job_id) == [name]
    assert [disk.pool.name for disk in known.disks(name)] == ["new", "old"]


def test_a_disk_that_was_taken_from_the_vm(steps: Steps, operator: Operator, unused: InTurn) -> None:
    """Nobody has seen it on its target while the VM had it: a listing of files does not tell which disk that is."""
    name = unused.vm("pair")
    _, data = known.disks(name)
    job_id = moved(steps, steps.ask_vm(name, "new"))
    operator.detach(known.vm(name).moref, data.device_key or 0)
    assert f"disk {data.name} is not attached to VM {name} any more" in failed(steps, job_id)
    assert known.volume_of_id(data.id).removed_at is not None
    found = known.volume(data.path.replace("[old]", "[new]"))
    assert (found.pool.name, found.vm_id, found.removed_at) == ("new", None, None)


def test_a_detached_disk_that_was_given_to_a_vm(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name, path = unused.vm(), unused.disk()
    volume = known.volume(path)
    job_id = moved(steps, steps.ask_disk(path, "new"))
    operator.attach(known.vm(name).moref, path.replace("[old]", "[new]"), key=2005, unit=5)
    assert succeeded(steps, job_id) == [volume.name]
    assert known.volume_of_id(volume.id).vm_id == known.vm(name).id


def test_a_detached_disk_that_was_moved_on(steps: Steps, operator: Operator, unused: InTurn) -> None:
    path = unused.disk()
    volume, theirs = known.volume(path), path.replace("[old] loose", "[gold] theirs")
    job_id = moved(steps, steps.ask_disk(path, "new"))
    operator.move_disk(path.replace("[old]", "[new]"), theirs)
    text = failed(steps, job_id)
    assert "is not there any more" in text
    assert "somebody moved, attached or deleted it" in text
    assert known.volume_of_id(volume.id).removed_at is not None or known.volume_of_id(volume.id).path == theirs


def test_a_detached_disk_that_was_deleted(steps: Steps, operator: Operator, unused: InTurn) -> None:
    path = unused.disk()
    volume = known.volume(path)
    job_id = moved(steps, steps.ask_disk(path, "new"))
    operator.delete_disk(path.replace("[old]", "[new]"))
    assert "is not there any more" in failed(steps, job_id)
    assert known.volume_of_id(volume.id).removed_at is not None


def test_what_was_moved_after_the_job_is_followed_by_the_sync(steps: Steps, operator: Operator, unused: InTurn) -> None:
    """By Storage DRS or by hand: the volume is the same, and what the job has told stays told."""
    name = unused.vm()
    [disk] = known.disks(name)
    job_id = moved(steps, steps.ask_vm(name, "new"))
    succeeded(steps, job_id)
    told = rows.everything_of(job_id)
    operator.relocate(known.vm(name).moref, known.pool("gold").moref)
    known.sync(steps.vcenter_id)
    assert disagreements(steps.vcenter_id) == []
    after = known.volume_of_id(disk.id)
    assert (after.pool.name, after.removed_at) == ("gold", None)
    assert rows.everything_of(job_id) == told
