"""What must not start: refused with every reason at once, before vCenter is asked for anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from app.db import transaction
from app.inventory.offerings import assign_offering, create_offering
from app.jobs.models import Job
from app.jobs.states import JobState
from app.vsphere import inventory
from app.vsphere.facts import Datastore
from app.vsphere.session import Session
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission
from tests.integration.operating import Operator

pytestmark = pytest.mark.integration


@pytest.fixture
def refused(steps: Steps) -> Callable[[UUID, str], Job]:
    """Submit a job; it is refused, tried once, and has taken nothing."""

    def submit(job_id: UUID, entity: str) -> Job:
        before = steps.started(entity)
        job = steps.submit(job_id)
        assert (job.state, job.error_code) == (JobState.FAILED, 431), job.error_text
        [attempt] = rows.attempts(job_id)
        assert attempt.outcome == "failed"
        assert rows.tasks(job_id) == []
        assert admission() == NOTHING_TAKEN
        assert steps.started(entity) == before
        return job

    return submit


Refused = Callable[[UUID, str], Job]


def test_a_running_vm(steps: Steps, refused: Refused) -> None:
    job = refused(steps.ask_vm("running-01", "new"), "running-01")
    assert job.error_text == "VM running-01 is poweredOn: stop it first, a cold migration moves stopped VMs"


def test_a_vm_that_was_started_after_the_last_sync(
    steps: Steps, refused: Refused, operator: Operator, unused: InTurn
) -> None:
    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    operator.power_on(known.vm(name).moref)
    assert known.vm(name).power_state == "poweredOff"
    assert "is poweredOn" in (refused(job_id, name).error_text or "")
    assert known.vm(name).power_state == "poweredOn"


def test_a_suspended_vm(steps: Steps, refused: Refused, operator: Operator, unused: InTurn) -> None:
    name = unused.vm()
    operator.power_on(known.vm(name).moref)
    operator.suspend(known.vm(name).moref)
    assert "is suspended" in (refused(steps.ask_vm(name, "new"), name).error_text or "")


def test_a_disk_of_a_running_vm(steps: Steps, refused: Refused) -> None:
    path = known.disks("running-02")[0].path
    assert "VM running-02 is poweredOn" in (refused(steps.ask_disk(path, "new"), "running-02").error_text or "")


def test_a_template(steps: Steps, refused: Refused, operator: Operator, unused: InTurn) -> None:
    name = unused.vm()
    operator.make_template(known.vm(name).moref)
    assert "is a template" in (refused(steps.ask_vm(name, "new"), name).error_text or "")


def test_another_cluster(steps: Steps, refused: Refused, unused: InTurn) -> None:
    name = unused.vm()
    told = refused(steps.ask_vm(name, "far"), name).error_text or ""
    assert "storage pool far is not mounted in the cluster of VM" in told
    assert "cross-cluster migration is not supported" in told


def test_a_detached_disk_to_another_cluster(steps: Steps, refused: Refused, unused: InTurn) -> None:
    path = unused.disk()
    assert "cross-cluster" in (refused(steps.ask_disk(path, "far"), path).error_text or "")


def test_a_pool_without_the_tags_of_the_disk_offering(steps: Steps, refused: Refused, unused: InTurn) -> None:
    name = unused.vm()
    assign_offering(known.disks(name)[0].id, create_offering("fast", "Fast", ["gold"]))
    told = refused(steps.ask_vm(name, "new"), name).error_text or ""
    assert "has disk offering fast, whose storage tags gold are not on storage pool new" in told
    assert steps.run(steps.ask_vm(name, "gold")).state is JobState.SUCCEEDED


def test_tags_of_our_own_count_as_well(steps: Steps, unused: InTurn) -> None:
    name = unused.vm()
    assign_offering(known.disks(name)[0].id, create_offering("fast", "Fast", ["rack-1"]))
    with transaction() as session:
        session.execute(text("UPDATE storage_pool SET own_tags = '{rack-1}' WHERE name = 'new'"))
    assert steps.run(steps.ask_vm(name, "new")).state is JobState.SUCCEEDED


def test_no_space(steps: Steps, refused: Refused, unused: InTurn) -> None:
    """The inventory is stale and knows of plenty; vCenter is asked."""
    with transaction() as session:
        session.execute(text("UPDATE storage_pool SET free_bytes = 1000 * 2.0^40 WHERE name = 'small'"))
        session.execute(
            text("UPDATE volume SET capacity_bytes = 2 * 2.0^40, thin = false WHERE path = :p"),
            {"p": (path := unused.disk())},
        )
    told = refused(steps.ask_disk(path, "small"), path).error_text or ""
    assert "storage pool small has 1.5 GiB left (1.5 GiB free, 0.0 GiB reserved" in told
    assert "2048.0 GiB are needed" in told


def test_a_place_that_is_taken(steps: Steps, refused: Refused, operator: Operator, unused: InTurn) -> None:
    path = unused.disk()
    in_the_way = path.replace("[old]", "[new]")
    operator.make_folder("[new] loose")
    operator.copy_disk("[old] thick.vmdk", in_the_way)
    told = refused(steps.ask_disk(path, "new"), path).error_text or ""
    assert told == f"a file of the name of {path} is on new already: rename or remove that one"


def test_where_it_is_already(steps: Steps, refused: Refused, unused: InTurn) -> None:
    name, path = unused.vm(), unused.disk()
    assert "everything is on old already" in (refused(steps.ask_vm(name, "old"), name).error_text or "")
    assert "already" in (refused(steps.ask_disk(path, "old"), path).error_text or "")


def test_where_somebody_else_has_moved_it_meanwhile(
    steps: Steps, refused: Refused, operator: Operator, unused: InTurn
) -> None:
    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    operator.relocate(known.vm(name).moref, known.pool("new").moref)
    assert "everything is on new already" in (refused(job_id, name).error_text or "")
    assert known.vm(name).home_pool_id == known.pool("new").id


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"maintenance_mode": "enteringMaintenance"}, "is in maintenance (enteringMaintenance)"),
        ({"maintenance_mode": "inMaintenance"}, "is in maintenance (inMaintenance)"),
        ({"accessible": False}, "is not accessible"),
    ],
)
def test_a_target_that_has_gone_out_of_service_since_the_last_sync(
    steps: Steps,
    refused: Refused,
    unused: InTurn,
    monkeypatch: pytest.MonkeyPatch,
    *,
    change: dict[str, object],
    told: str,
) -> None:
    """vcsim knows no maintenance of datastores: its answer is changed at the edge."""
    read = inventory.read_datastores

    def changed(session: Session, morefs: list[str]) -> list[Datastore]:
        return [replace(it, **change) if it.name == "new" else it for it in read(session, morefs)]  # type: ignore[arg-type]

    monkeypatch.setattr(inventory, "read_datastores", changed)
    name = unused.vm()
    assert told in (refused(steps.ask_vm(name, "new"), name).error_text or "")


def test_a_vm_that_is_gone(steps: Steps, refused: Refused, operator: Operator, unused: InTurn) -> None:
    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    operator.destroy(known.vm(name).moref)
    assert "removed from the inventory" in (refused(job_id, name).error_text or "")


def test_a_detached_disk_that_is_gone(steps: Steps, refused: Refused, operator: Operator, unused: InTurn) -> None:
    path = unused.disk()
    job_id = steps.ask_disk(path, "new")
    operator.delete_disk(path)
    told = refused(job_id, path).error_text or ""
    assert told.startswith(f"disk {path} is not there any more, and not at {path.replace('[old]', '[new]')} either")


def test_a_pool_that_a_sync_no_longer_found(steps: Steps, refused: Refused, unused: InTurn) -> None:
    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    with transaction() as session:
        session.execute(text("UPDATE storage_pool SET removed_at = now() WHERE name = 'new'"))
    assert "unable to find a storage pool" in (refused(job_id, name).error_text or "")


def test_every_reason_is_told_at_once(steps: Steps, refused: Refused) -> None:
    assign_offering(known.disks("running-01")[0].id, create_offering("fast", "Fast", ["gold"]))
    told = refused(steps.ask_vm("running-01", "far"), "running-01").error_text or ""
    assert "is poweredOn" in told
    assert "cross-cluster" in told
    assert "storage tags gold are not on storage pool far" in told


def test_a_vm_that_somebody_else_works_on_is_tried_again(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("slow")
    job_id = steps.ask_vm(name, "new")
    operator.begin_relocation(known.vm(name).moref, known.pool("gold").moref)
    job = steps.submit(job_id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 1)
    [attempt] = rows.attempts(job_id)
    assert (attempt.outcome, attempt.fault) == ("retried", "VmBusy")
    assert steps.ledger(name)["overlapping"] == 0, "vCenter was not asked for what it would have refused"
    assert admission() == NOTHING_TAKEN
