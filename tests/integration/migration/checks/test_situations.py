"""Each situation that vCenter or CloudStack knows: told by a dry run, by the suitability of pools, and by the job."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from app.db import transaction
from app.jobs.states import JobState
from app.migration.dry_run import dry_run
from app.migration.requests import MigrateVirtualMachine, MigrateVolume, Request
from app.migration.suitability import pools_for_volume
from tests.integration import known
from tests.integration.jobs import rows
from tests.integration.migration.checks.watching import nothing_changes, warned_of
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Case:
    """Something to be moved somewhere, and what one rule says of it."""

    what: str
    """A VM, or the path of a detached disk."""
    to: str
    rule: str
    found: str
    """A part of what was found."""
    before: bool = True
    """It is known before vCenter is asked: `findStoragePoolsForMigration` tells it too."""

    @property
    def request(self) -> Request:
        pool_id = known.pool(self.to).id
        if self.what.startswith("["):
            return MigrateVolume(volume_id=known.volume(self.what).id, pool_id=pool_id)
        return MigrateVirtualMachine(vm_id=known.vm(self.what).id, pool_id=pool_id)

    def found_by(self, texts: dict[str, list[str]]) -> bool:
        return any(self.found in text for text in texts.get(self.rule, []))


REFUSED = [
    Case("running", "new", "vm_is_stopped", "VM running is poweredOn"),
    Case("suspended", "new", "vm_is_stopped", "VM suspended is suspended"),
    Case("template", "new", "vm_is_no_template", "template is a template"),
    Case("disconnected", "new", "vm_is_connected", "VM disconnected is disconnected in vCenter"),
    Case("disconnected", "new", "host_reaches_target", "host esx-e4 of VM disconnected is not connected"),
    Case("in-maintenance", "new", "host_reaches_target", "host esx-e3 of VM in-maintenance is in maintenance"),
    Case("on-e2", "local", "host_reaches_target", "local is not mounted read-write on host esx-e2 of VM on-e2"),
    Case("spare-01", "far", "same_cluster", "far is not mounted in the cluster of VM spare-01"),
    Case("spare-01", "sealed", "target_is_usable", "sealed is not mounted read-write on any connected host"),
    Case("spare-01", "lost", "target_is_usable", "lost is not accessible"),
    Case("spare-01", "old", "not_there_already", "everything is on its target already", before=False),
    Case("large", "small", "space_suffices", "0.5 GiB left (0.5 GiB free, 0.0 GiB reserved"),
    Case("raw", "new", "disk_is_no_raw_device", "volume raw_1 is a raw device mapping"),
    Case("multi-writer", "new", "disk_is_not_shared", "volume multi-writer_1 may be written to by several VMs"),
    Case("node", "new", "disk_is_on_no_shared_bus", "volume node is on a SCSI controller that shares its bus"),
    Case("[old] loose/thick-01.vmdk", "new", "name_is_free", "is on new already", before=False),
]
WARNED = [
    Case("secret", "new", "encryption_goes_along", "VM secret is encrypted", before=True),
    Case("tracked", "new", "change_tracking_may_start_anew", "VM tracked has changed-block tracking"),
    Case("redundant", "new", "consolidation_comes_first", "VM redundant has delta disks"),
    Case("images", "new", "images_stay_behind", "the image [old] iso/install.iso"),
    Case("snapped", "new", "snapshots_go_along", "VM snapped has snapshots"),
    Case("clone-01", "new", "linked_clone_becomes_whole", "VM clone-01 is a linked clone (of [old] golden/"),
    Case("golden", "new", "clones_keep_hanging_on_it", "linked clones hang on volume golden"),
    Case("thick", "nfs", "format_is_kept", "volume thick is to be thick on nfs (NFS)"),
    Case("spare-02", "tight", "little_is_left", "tight will have 0.1 GiB of 1.0 GiB left"),
    Case("spare-02", "tight", "swap_file_has_room", "VM spare-02 makes a swap file of up to 1.0 GiB"),
]


def name_of(case: Case) -> str:
    return f"{case.rule}-{case.what}"


def told_before(case: Case) -> dict[str, list[str]]:
    """What the suitability of the pool says of the thing's last volume, by rule."""
    volume = known.volume(case.what) if case.what.startswith("[") else known.disks(case.what)[-1]
    with transaction() as session:
        [judged] = [it for it in pools_for_volume(session, volume.id) if it.pool.name == case.to] or [None]
        assert judged is not None
        told: dict[str, list[str]] = {}
        for objection in judged.objections:
            told.setdefault(objection.rule, []).append(objection.found)
        assert judged.suitable is not any(objection.refuses for objection in judged.objections)
    return told


@pytest.mark.parametrize("case", REFUSED, ids=name_of)
def test_what_must_not_start_is_told_before_and_refused(steps: Steps, case: Case) -> None:
    with nothing_changes(steps.vcenter):
        told = dry_run(case.request)
    assert not told.would_start
    assert case.found_by({case.rule: [it.found for it in told.refusals if it.rule == case.rule]}), told.objections
    if case.before:
        assert case.found_by(told_before(case))
    job_id = steps.ask(case.request)
    job = steps.submit(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, 431), job.error_text
    if case.rule != "not_there_already":  # the job has words of its own for it
        expected = {f"{it.found}: {it.todo}" for it in told.refusals}
        assert expected == set((job.error_text or "").split("; "))
    assert rows.tasks(job_id) == []
    assert admission() == NOTHING_TAKEN
    assert steps.started(case.what) == 0


@pytest.mark.parametrize("case", WARNED, ids=name_of)
def test_what_may_start_all_the_same_is_told_before_and_done(steps: Steps, case: Case) -> None:
    if steps.started(case.what):  # two rules have the same example
        steps.run(steps.ask_vm(case.what, "old"))
    with nothing_changes(steps.vcenter):
        told = dry_run(case.request)
    assert told.would_start, told.refusals
    assert case.found_by({case.rule: [it.found for it in told.warnings if it.rule == case.rule]}), told.objections
    if case.before:
        assert case.found_by(told_before(case))
    job_id = steps.ask(case.request)
    job = steps.run(job_id)
    while job.state is JobState.RUNNING:  # a program of several commands
        steps.watch()
        job = steps.finish(job_id)
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert warned_of(job_id) == {warning.rule for warning in told.warnings}
    assert {disk.pool.name for disk in known.disks(case.what)} == {case.to}
    assert steps.ledger(case.what)["failed"] == 0
