"""What goes wrong on the way: the VM is whole where it is, registered once, and the job says what happened."""

from __future__ import annotations

import shutil

import pytest

from app.secondary import copying, stores
from app.secondary.copying import Copy
from app.secondary.stores import Room
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.storage.things import Vm, digests, failed, names
from tests.integration.migration.storage.ways import Ways
from tests.running.faults import Entities, Faults

pytestmark = [pytest.mark.integration, pytest.mark.timeout(200)]


@pytest.fixture
def vm(ways: Ways, unused: InTurn) -> Vm:
    return Vm.named(ways, unused.vm("pair"))


# -- vCenter refuses --------------------------------------------------------------------------------------------------


def test_a_vm_that_cannot_be_registered_at_its_target_comes_back(vm: Vm, ways: Ways, faults: Faults) -> None:
    planted = faults.plant_fault("RegisterVM_Task", "NotSupported")
    job_id = vm.ask()
    failed(ways, job_id, "registering the VM", "NotSupported")
    assert planted.struck() == 1
    assert ways.asked(job_id) == [
        "carry-vm", "unregister-vm", "register-vm", "register-vm", "discard-targets", "remove-folder"
    ]  # fmt: skip
    vm.stayed()
    assert {disk.pool.name for disk in known.disks(vm.name)} == {"old"}


def test_a_vm_that_can_be_registered_nowhere_is_told_of(vm: Vm, ways: Ways, faults: Faults) -> None:
    """Nothing is deleted then, neither here nor there."""
    faults.plant_fault("RegisterVM_Task", "NotSupported", which=Entities(times="always"))
    failed(ways, vm.ask(), "NotSupported", f"VM {vm.name} is to be registered with [old] {vm.name}/{vm.name}.vmx")
    assert vm.registrations() == []
    assert digests(ways, f"[old] {vm.name}") == vm.contents


def test_a_task_that_is_in_the_way_of_unregistering_is_outlived(vm: Vm, ways: Ways, faults: Faults) -> None:
    planted = faults.plant_fault("UnregisterVM", "TaskInProgress", "call", Entities(times=2))
    ways.run(vm.ask())
    assert planted.struck() == 2
    vm.arrived()


def test_a_folder_that_may_not_be_removed_is_told_of(vm: Vm, ways: Ways, faults: Faults) -> None:
    faults.plant_fault("MoveDatastoreFile_Task", "NoPermission", "call", Entities(times="always"))
    job = ways.run(vm.ask())
    assert "removing the empty folder" in (job.result or {})["not_done"]
    assert names(ways, f"[old] {vm.name}") == []
    assert vm.registrations() == [f"[new] {vm.name}/{vm.name}.vmx"]


# -- no room, no store ------------------------------------------------------------------------------------------------


def test_secondary_storage_that_is_full(vm: Vm, ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_room", lambda *_: Room(total_bytes=1 << 30, free_bytes=1000, reserved_bytes=0))
    failed(ways, vm.ask(), "fit on no secondary store", "after 2 attempts")
    vm.stayed()


def test_secondary_storage_that_fills_up_in_mid_copy(vm: Vm, ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another transfer's bytes came faster than ours."""
    full = Room(total_bytes=1 << 30, free_bytes=1000, reserved_bytes=0)
    monkeypatch.setattr(copying, "room_of", lambda *_arguments, **_named: full)
    failed(ways, vm.ask(), "do not fit on secondary store nfs-1", "after 2 attempts")
    vm.stayed()


def test_secondary_storage_that_is_not_mounted(vm: Vm, ways: Ways) -> None:
    away = ways.mount.rename(ways.mount.with_name("away"))
    ways.mount.mkdir()
    job_id = vm.ask()
    failed(ways, job_id, "mount it there", "after 2 attempts")
    assert ways.asked(job_id) == []
    shutil.rmtree(ways.mount)
    away.rename(ways.mount)
    vm.stayed()


def test_secondary_storage_that_is_unmounted_in_mid_copy(vm: Vm, ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt finds it again."""
    away = ways.mount.with_name("away")
    real = Copy._upload

    def unmounted(self: Copy, file: object) -> None:
        if not away.exists():
            ways.mount.rename(away)
        real(self, file)  # type: ignore[arg-type]

    job_id = vm.ask()
    with monkeypatch.context() as patch:
        patch.setattr(Copy, "_upload", unmounted)
        ways.turn(job_id)
        ways.turn(job_id)
    away.rename(ways.mount)
    ways.run(job_id)
    assert ways.asked(job_id).count("carry-vm") == 2
    vm.arrived()


def test_a_target_that_becomes_full_in_mid_upload(ways: Ways, unused: InTurn, faults: Faults) -> None:
    vm = Vm.named(ways, unused.vm("long"))
    job_id = ways.steps.ask_vm(vm.name, "small")
    ways.turn(job_id)
    faults.fill("small", 12 << 20)
    failed(ways, job_id, "small", "after 2 attempts")
    assert rows.attempts(job_id)[0].fault == "NoSpace", ways.told(job_id)
    vm.stayed(folder=f"[small] {vm.name}")
