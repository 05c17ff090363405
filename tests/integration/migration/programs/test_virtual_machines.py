"""VMs whose disks go different ways: only what is asked for moves, all else is pinned."""

from __future__ import annotations

import pytest

from app.jobs.models import Job
from app.jobs.states import JobState
from app.migration.requests import MigrateVirtualMachine, MigrateVolume
from app.vsphere.facts import DiskFormat
from app.vsphere.inventory import read_vm
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.programs.driving import Drive
from tests.integration.operating import Operator
from tests.running.faults import Faults

pytestmark = pytest.mark.integration


def places(drive: Drive, name: str) -> tuple[str, list[str]]:
    """Where a VM's configuration and its disks are, by vCenter; the records say the same."""
    vm = known.vm(name)
    shown = read_vm(drive.session, vm.moref)
    assert [disk.path for disk in known.disks(name)] == [disk.path for disk in shown.disks]
    names = {known.pool(it).moref: it for it in ("old", "new", "slow", "pod-1", "pod-2", "pod-3")}
    assert vm.home_pool_id == known.pool(names[shown.home_datastore_moref or ""]).id
    return names[shown.home_datastore_moref or ""], [names[disk.datastore_moref or ""] for disk in shown.disks]


def moved(drive: Drive, request: MigrateVirtualMachine | MigrateVolume) -> Job:
    return drive.succeed(drive.steps.ask(request))


def test_each_disk_goes_to_its_own_pool_and_root_takes_the_home_along(drive: Drive, unused: InTurn) -> None:
    name = unused.vm("pair")
    root, data = known.disks(name)
    targets = {root.id: known.pool("new").id, data.id: known.pool("slow").id}
    job = moved(drive, MigrateVirtualMachine(vm_id=known.vm(name).id, volumes=targets))
    assert places(drive, name) == ("new", ["new", "slow"])
    assert [disk.id for disk in known.disks(name)] == [root.id, data.id]
    assert drive.asked(job.id) == ["relocate-vm"]
    assert job.result is not None
    told = {disk["volume_id"]: (disk["to"], disk["path"]) for disk in job.result["disks"]}
    assert told == {str(disk.id): (disk.pool.name, disk.path) for disk in known.disks(name)}


def test_a_disk_that_is_not_named_is_pinned_and_the_home_stays_with_root(drive: Drive, unused: InTurn) -> None:
    name = unused.vm("pair")
    _, data = known.disks(name)
    moved(drive, MigrateVirtualMachine(vm_id=known.vm(name).id, volumes={data.id: known.pool("new").id}))
    assert places(drive, name) == ("old", ["old", "new"])


def test_root_alone_leaves_the_other_disk(drive: Drive, unused: InTurn) -> None:
    name = unused.vm("pair")
    root, _ = known.disks(name)
    moved(drive, MigrateVolume(volume_id=root.id, pool_id=known.pool("new").id))
    assert places(drive, name) == ("new", ["new", "old"])


def test_root_goes_without_the_home_where_that_is_asked_for(drive: Drive, unused: InTurn) -> None:
    name = unused.vm("pair")
    root, _ = known.disks(name)
    moved(drive, MigrateVolume(volume_id=root.id, pool_id=known.pool("new").id, with_home=False))
    assert places(drive, name) == ("old", ["new", "old"])


def test_what_is_not_named_goes_with_everything_else(drive: Drive, unused: InTurn) -> None:
    name = unused.vm("pair")
    _, data = known.disks(name)
    request = MigrateVirtualMachine(
        vm_id=known.vm(name).id, pool_id=known.pool("new").id, volumes={data.id: known.pool("slow").id}
    )
    moved(drive, request)
    assert places(drive, name) == ("new", ["new", "slow"])


def test_formats_stay_unless_another_is_asked_for(drive: Drive, unused: InTurn) -> None:
    kept, converted = unused.vm("pair"), unused.vm("pair")
    job = moved(drive, MigrateVirtualMachine(vm_id=known.vm(kept).id, pool_id=known.pool("new").id))
    assert [disk.format for disk in known.disks(kept)] == ["thin", "thick"]
    assert job.result is not None
    assert not any("format_changed" in disk for disk in job.result["disks"])
    request = MigrateVirtualMachine(vm_id=known.vm(converted).id, pool_id=known.pool("new").id, format=DiskFormat.EAGER)
    moved(drive, request)
    assert [disk.format for disk in known.disks(converted)] == ["eager", "eager"]


def test_a_disk_is_converted_where_it_is(drive: Drive, unused: InTurn) -> None:
    name = unused.vm("pair")
    _, data = known.disks(name)
    moved(drive, MigrateVolume(volume_id=data.id, pool_id=known.pool("old").id, format=DiskFormat.THIN))
    assert [disk.format for disk in known.disks(name)] == ["thin", "thin"]
    assert places(drive, name) == ("old", ["old", "old"])


def test_a_conversion_that_did_not_take_place_is_no_success(drive: Drive, faults: Faults, unused: InTurn) -> None:
    name = unused.vm("pair")
    _, data = known.disks(name)
    faults.plant_fault("RelocateVM_Task", "NotSupported", at="call")
    request = MigrateVolume(volume_id=data.id, pool_id=known.pool("old").id, format=DiskFormat.THIN)
    job = drive.to_end(drive.steps.ask(request))
    assert job.state is JobState.FAILED
    assert known.disks(name)[1].format == "thick"


def test_snapshots_go_along(drive: Drive, unused: InTurn) -> None:
    name = unused.vm("golden")
    [before] = known.disks(name)
    job = moved(drive, MigrateVirtualMachine(vm_id=known.vm(name).id, pool_id=known.pool("new").id))
    [after] = known.disks(name)
    assert len(after.traits.chain) == len(before.traits.chain) == 2
    assert all(path.startswith("[new] ") for path in (after.path, *after.traits.chain))
    assert job.result is not None
    assert "chain_changed" not in job.result["disks"][0]


def test_a_datastore_clusters_member_is_chosen_and_found_again(drive: Drive, faults: Faults, unused: InTurn) -> None:
    """By the time of verification another member has more room; nothing is to be moved once more for that."""
    name = unused.vm("pair")
    job_id = drive.steps.ask(MigrateVirtualMachine(vm_id=known.vm(name).id, pool_id=known.pool("pod").id))
    drive.steps.submit(job_id)
    [task] = rows.tasks(job_id)
    chosen = {disk["to"] for disk in task.command["disks"]}
    assert len(chosen) == 1
    assert chosen < {"pod-1", "pod-2", "pod-3"}
    faults.fill(chosen.copy().pop(), 900 * 2**30)
    drive.succeed(job_id)
    home, disks = places(drive, name)
    assert {home, *disks} == chosen
    assert drive.calls("RelocateVM_Task") == {"RelocateVM_Task": 1}


def test_a_vm_that_was_started_while_its_disks_were_consolidated_is_not_relocated(
    drive: Drive, operator: Operator, unused: InTurn
) -> None:
    name = unused.vm("split")
    job_id = drive.steps.ask(MigrateVirtualMachine(vm_id=known.vm(name).id, pool_id=known.pool("new").id))
    drive.steps.submit(job_id)
    assert drive.asked(job_id) == ["consolidate-disks"]
    drive.steps.watch()
    operator.power_on(known.vm(name).moref)
    job = drive.steps.finish(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, 431)
    assert f"VM {name} is poweredOn by now" in (job.error_text or "")
    assert drive.calls("RelocateVM_Task") == {"RelocateVM_Task": 0}


def test_disks_are_consolidated_first_where_that_is_needed(drive: Drive, unused: InTurn) -> None:
    name = unused.vm("split")
    assert known.vm(name).traits.consolidation_needed
    job_id = drive.steps.ask(MigrateVirtualMachine(vm_id=known.vm(name).id, pool_id=known.pool("new").id))
    drive.succeed(job_id)
    assert drive.asked(job_id) == ["consolidate-disks", "relocate-vm"]
    assert not known.vm(name).traits.consolidation_needed
    assert places(drive, name) == ("new", ["new"])
