"""What others do meanwhile in the same vCenter: it is noticed, it is said, and nothing that anybody uses is deleted."""

from __future__ import annotations

from typing import Any

import pytest

from app.hypervisors.commands import RegisterVm
from app.migration import registration_commands
from app.vsphere.inventory import read_vm
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.migration.storage.things import Vm, at, digests, failed, files, names
from tests.integration.migration.storage.ways import Ways
from tests.integration.operating import Operator
from tests.running.faults import Faults

pytestmark = [pytest.mark.integration, pytest.mark.timeout(200)]


@pytest.fixture
def vm(ways: Ways, unused: InTurn) -> Vm:
    return Vm.named(ways, unused.vm("pair"))


def test_a_vm_that_is_started_before_it_was_unregistered_stays(vm: Vm, ways: Ways, operator: Operator) -> None:
    job_id = vm.ask()
    ways.turn(job_id)
    ways.carry()
    operator.power_on(vm.moref)
    failed(ways, job_id, f"VM {vm.name} is poweredOn by now")
    assert "unregister-vm" not in ways.asked(job_id)
    operator.power_off(vm.moref)
    assert vm.registrations() == [f"[old] {vm.name}/{vm.name}.vmx"]
    assert names(ways, f"[new] {vm.name}") is None


def test_a_disk_that_was_written_after_it_was_copied_is_copied_again(vm: Vm, ways: Ways) -> None:
    """As by a VM that was started and stopped again: what is on the target is old."""
    job_id = vm.ask()
    ways.turn(job_id)
    ways.carry()
    [flat, *_] = [name for name in vm.contents if name.endswith("-flat.vmdk")]
    with files(ways.steps.vcenter) as writer:
        writer.write(at(f"[old] {vm.name}/{flat}"), [b"?" * (1 << 20)], size_bytes=1 << 20)
    changed = digests(ways, f"[old] {vm.name}")
    assert changed != vm.contents
    ways.to_end(job_id)
    assert "SourceChanged" in ways.told(job_id)
    assert ways.asked(job_id).count("carry-vm") == 2, ways.told(job_id)
    assert digests(ways, f"[new] {vm.name}") == changed
    assert len(vm.registrations()) == 1


def test_a_vm_that_has_another_reference_by_now_is_found(vm: Vm, ways: Ways, operator: Operator) -> None:
    job_id = vm.ask()
    ways.turn(job_id)
    operator.register_anew(vm.moref)
    ways.run(job_id)
    vm.arrived()


def test_who_registers_the_vm_again_where_it_was_keeps_it(
    vm: Vm, ways: Ways, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody sees that it is gone, and brings it back before we have."""
    before_the_second_look(monkeypatch, operator, vm, f"[old] {vm.name}/{vm.name}.vmx")
    failed(ways, vm.ask(), f"somebody has registered VM {vm.name} meanwhile, with [old] {vm.name}/{vm.name}.vmx")
    vm.stayed()


def test_who_registers_the_vm_where_it_goes_has_done_it_for_us(
    vm: Vm, ways: Ways, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_second_look(monkeypatch, operator, vm, f"[new] {vm.name}/{vm.name}.vmx")
    ways.run(vm.ask())
    vm.arrived()


def before_the_second_look(monkeypatch: pytest.MonkeyPatch, operator: Operator, vm: Vm, vmx: str) -> None:
    """Have the VM registered by somebody else when it has left the inventory, and is about to come back."""
    real, once = registration_commands._require_unregistered, [vmx]
    places = {name: vm.registration[name] for name in ("folder", "pool", "host")}

    def registered(vcenter: Any, command: RegisterVm) -> None:  # noqa: ANN401  # a session
        if once:
            once.pop()
            operator.do(
                lambda _: operator.session.moref("Folder", places["folder"]).RegisterVM_Task(
                    path=vmx,
                    name=vm.name,
                    asTemplate=False,
                    pool=operator.session.moref("ResourcePool", places["pool"]),
                    host=operator.session.moref("HostSystem", places["host"]),
                )
            )
        real(vcenter, command)

    monkeypatch.setattr(registration_commands, "_require_unregistered", registered)


def test_sources_that_a_vm_has_again_are_not_deleted(vm: Vm, ways: Ways, operator: Operator) -> None:
    """Somebody attaches an old disk to another VM when the VM is on its target already."""
    job_id = vm.ask()
    ways.until_asked(job_id, "register-vm")
    ways.steps.watch()
    operator.attach(known.vm("bystander").moref, f"[old] {vm.name}/{vm.name}.vmdk", key=-1, unit=5)
    job = ways.run(job_id)
    assert f"VM bystander has [old] {vm.name}/{vm.name}.vmdk" in (job.result or {})["not_done"]
    assert vm.registrations() == [f"[new] {vm.name}/{vm.name}.vmx"], "and it is not registered where it was, too"
    assert digests(ways, f"[old] {vm.name}") == digests(ways, f"[new] {vm.name}") == vm.contents
    bystander = known.vm("bystander").moref
    [key] = [disk.key for disk in read_vm(operator.session, bystander).disks if vm.name in disk.path]
    operator.detach(bystander, key)


def test_copies_that_a_vm_has_are_not_deleted(vm: Vm, ways: Ways, operator: Operator, faults: Faults) -> None:
    """They were to be: the VM could not be registered there. But somebody has attached one of them to another VM."""
    faults.plant_fault("RegisterVM_Task", "NotSupported")
    job_id = vm.ask()
    ways.until_asked(job_id, "register-vm")
    operator.attach(known.vm("bystander").moref, f"[new] {vm.name}/{vm.name}.vmdk", key=-1, unit=6)
    failed(ways, job_id, "NotSupported")
    assert "discard-targets" not in ways.asked(job_id)
    assert digests(ways, f"[new] {vm.name}") == digests(ways, f"[old] {vm.name}") == vm.contents
    assert vm.registrations() == [f"[old] {vm.name}/{vm.name}.vmx"]
    bystander = known.vm("bystander").moref
    [key] = [disk.key for disk in read_vm(operator.session, bystander).disks if vm.name in disk.path]
    operator.detach(bystander, key)
