"""Where the hypervisor does not move things itself: through secondary storage, in real bytes."""

from __future__ import annotations

import pytest

from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.storage.things import Disk, Vm, names
from tests.integration.migration.storage.ways import Ways
from tests.integration.operating import Operator

pytestmark = pytest.mark.integration


def test_a_detached_disk(ways: Ways, unused: InTurn) -> None:
    disk = Disk.of(ways, unused.disk())
    job = ways.run(disk.ask())
    [attempt] = rows.attempts(job.id)
    assert attempt.strategy == "storage-migration"
    assert ways.asked(job.id) == ["carry-disk", "remove-sources"]
    disk.arrived()
    assert ways.steps.started(disk.path) == 0, "vCenter was not asked to move it"


def test_a_stopped_vm_is_registered_where_its_files_went(ways: Ways, unused: InTurn) -> None:
    vm = Vm.named(ways, unused.vm("pair"))
    job = ways.run(vm.ask())
    assert ways.asked(job.id) == ["carry-vm", "unregister-vm", "register-vm", "remove-sources", "remove-folder"]
    vm.arrived()
    assert known.vm(vm.name).moref != vm.moref, "it was registered anew"
    assert ways.steps.started(vm.name) == 0


def test_a_folder_of_its_name_that_is_somebodys_is_left_alone(ways: Ways, operator: Operator, unused: InTurn) -> None:
    """Even an empty one: the VM gets one with a number, as vCenter does it."""
    vm = Vm.named(ways, unused.vm("pair"))
    operator.make_folder(f"[new] {vm.name}")
    ways.run(vm.ask())
    assert names(ways, f"[new] {vm.name}") == []
    vm.arrived(f"[new] {vm.name}_1")


def test_what_somebody_put_into_the_old_folder_meanwhile_stays_with_the_folder(
    ways: Ways, operator: Operator, unused: InTurn
) -> None:
    vm = Vm.named(ways, unused.vm("pair"))
    job_id = vm.ask()
    ways.until_asked(job_id, "register-vm")
    operator.make_folder(f"[old] {vm.name}/notes")
    ways.run(job_id)
    assert names(ways, f"[old] {vm.name}") == ["notes"]
    assert vm.registrations() == [f"[new] {vm.name}/{vm.name}.vmx"]


def test_what_is_reserved_is_how_long_the_files_are(ways: Ways, unused: InTurn) -> None:
    """Of a thin extent the datastore browser tells what it takes, which is less."""
    vm = Vm.named(ways, unused.vm("pair"))
    job_id = vm.ask()
    ways.turn(job_id)
    parcels = rows.tasks(job_id)[-1].command["command"]["parcels"]
    sizes = {it["source"]["path"].rpartition("/")[2]: it["size_bytes"] for it in parcels}
    assert {size for name, size in sizes.items() if name.endswith("-flat.vmdk")} == {2 << 20, 1 << 20}
    ways.run(job_id)
