"""Where the hypervisor does not move things itself: through secondary storage, in real bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.jobs.states import JobState
from app.secondary import leftovers
from app.vsphere.inventory import disk_exists, read_vm
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import NOTHING_TAKEN, admission
from tests.integration.migration.storage.ways import Ways
from tests.integration.operating import Operator

pytestmark = pytest.mark.integration


def asked(job_id: object) -> list[str]:
    return [task.command["command"]["kind"] for task in rows.tasks(job_id)]  # type: ignore[arg-type]


def test_a_detached_disk(ways: Ways, operator: Operator, unused: InTurn) -> None:
    path = unused.disk()
    before = known.volume(path)
    job = ways.run(ways.steps.ask_disk(path, "new"))
    assert (job.state, job.phase) == (JobState.SUCCEEDED, ""), [t.message for t in rows.tasks(job.id)]
    [attempt] = rows.attempts(job.id)
    assert attempt.strategy == "storage-migration"
    assert asked(job.id) == ["carry-disk", "remove-sources"]
    moved = path.replace("[old]", "[new]")
    after = known.volume_of_id(before.id)
    assert (after.path, after.pool_id, after.removed_at) == (moved, known.pool("new").id, None)
    datacenter = operator.session.call(lambda content: content.rootFolder.childEntity[0]._moId)
    assert disk_exists(operator.session, datacenter, moved)
    assert disk_exists(operator.session, datacenter, path) is None
    assert ways.steps.started(path) == 0, "vCenter was not asked to move it"
    assert admission() == NOTHING_TAKEN


def test_a_stopped_vm_is_registered_where_its_files_went(ways: Ways, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("pair")
    vm, disks = known.vm(name), known.disks(name)
    job = ways.run(ways.steps.ask_vm(name, "new"))
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert asked(job.id) == ["carry-vm", "unregister-vm", "register-vm", "remove-sources", "remove-folder"]
    after = known.vm(name)
    assert (after.id, after.instance_uuid, after.home_pool_id) == (vm.id, vm.instance_uuid, known.pool("new").id)
    assert after.moref != vm.moref, "it was registered anew"
    assert [(disk.id, disk.pool.name) for disk in known.disks(name)] == [(disk.id, "new") for disk in disks]
    shown = read_vm(operator.session, after.moref)
    assert {disk.datastore_moref for disk in shown.disks} == {known.pool("new").moref}
    assert shown.vm_path_name == f"[new] {name}/{name}.vmx"
    assert [disk.uuid for disk in shown.disks] == [disk.disk_uuid for disk in disks]
    assert ways.steps.started(name) == 0
    assert admission() == NOTHING_TAKEN


def test_nothing_is_left_on_secondary_storage(ways: Ways, unused: InTurn, mount: Path) -> None:
    job = ways.run(ways.steps.ask_disk(unused.disk(), "new"))
    assert job.state is JobState.SUCCEEDED
    leftovers.sweep()
    assert [entry.name for entry in (mount / "vrelocate").iterdir()] == ["store-id"]


