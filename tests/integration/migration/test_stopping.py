"""A job that is to stop: at once while nothing works for it, else when vCenter has stopped; a move that wins counts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from uuid import UUID

import pytest

from app.errors import NotFound
from app.jobs import outside, sweeping
from app.jobs.leases import claim_to_submit
from app.jobs.models import Job
from app.jobs.states import JobState
from app.jobs.stopping import JobIsOver
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import NOTHING_TAKEN, USER, Killed, Steps, admission
from tests.integration.operating import Operator
from tests.running.faults import Entities, Faults

pytestmark = pytest.mark.integration


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "VRELOCATE_SLOTS_PER_SOURCE_POOL": "1"}


def at_work(faults: Faults) -> AbstractContextManager[None]:
    """Let no copy from `slow` end before the block does."""
    return faults.stalled("slow", "50MB/s")


def cancelled(job: Job, *saying: str) -> None:
    assert (job.state, job.error_code, job.phase, job.result) == (JobState.CANCELLED, 530, "", None)
    assert (job.error_text or "").startswith("cancelled on request")
    assert [words for words in saying if words not in (job.error_text or "")] == []
    assert (job.stop_wish, job.stop_wished_by) == ("cancel", f"user:{USER}")
    assert admission() == NOTHING_TAKEN


def stayed(name: str, pool: str) -> None:
    assert {disk.pool.name for disk in known.disks(name)} == {pool}


def test_one_that_waits_for_a_worker_ends_at_once(steps: Steps, unused: InTurn) -> None:
    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    cancelled(steps.cancel(job_id), "waiting for a worker", "vCenter was asked for nothing")
    events = rows.kinds(job_id)
    assert events == ["accepted", "to be stopped", "finished"]
    cancelled(steps.submit(job_id))
    cancelled(steps.cancel(job_id))
    assert rows.kinds(job_id) == events, "the second wish changes nothing"
    assert steps.started(name) == 0
    assert steps.run(steps.ask_vm(name, "new")).state is JobState.SUCCEEDED, "the VM is free for another job"


def test_one_that_waits_for_a_slot_ends_at_once_and_nobody_else(steps: Steps, faults: Faults, unused: InTurn) -> None:
    first, second = (steps.ask_vm(unused.vm("slow"), "new") for _ in range(2))
    with at_work(faults):
        steps.submit(first)
        assert steps.submit(second).waiting_for
        stopped = steps.cancel(second)
    assert (stopped.state, stopped.waiting_for) == (JobState.CANCELLED, None)
    assert [it.outcome for it in rows.attempts(second)] == ["cancelled"]
    steps.watch()
    assert steps.finish(first).state is JobState.SUCCEEDED
    cancelled(rows.job(second), "relocations running already")


def test_one_that_waits_for_its_next_attempt_says_where_everything_is(
    steps: Steps, faults: Faults, unused: InTurn
) -> None:
    name = unused.vm()
    faults.plant_fault("RelocateVM_Task", "FileLocked", at="50%", which=Entities(entity=name))
    job_id = steps.ask_vm(name, "new")
    assert steps.run(job_id).state is JobState.QUEUED
    cancelled(steps.cancel(job_id), "trying again", "is still on old")
    stayed(name, "old")


def test_one_that_runs_ends_when_vcenter_has_stopped(steps: Steps, faults: Faults, unused: InTurn) -> None:
    name = unused.vm("slow")
    job_id = steps.ask_vm(name, "new")
    with at_work(faults):
        steps.submit(job_id)
        assert steps.cancel(job_id).state is JobState.RUNNING
        assert steps.finish(job_id).state is JobState.RUNNING, "never over while vCenter works"
        assert steps.stop(job_id).state is JobState.RUNNING
        steps.watch()
    assert rows.tasks(job_id)[0].fault == "RequestCanceled"
    cancelled(steps.finish(job_id), "RequestCanceled", "is still on slow")
    [attempt] = rows.attempts(job_id)
    assert (attempt.outcome, attempt.fault) == ("cancelled", "RequestCanceled")
    assert steps.ledger(name)["cancelled"] == 1
    stayed(name, "slow")
    assert rows.kinds(job_id)[-5:] == ["to be stopped", "asked to stop", "settled", "claimed", "finished"]


def test_a_fault_that_would_be_tried_again_is_not(steps: Steps, faults: Faults, unused: InTurn) -> None:
    name = unused.vm()
    faults.plant_fault("RelocateVM_Task", "FileLocked", at="50%", which=Entities(entity=name))
    job_id = steps.ask_vm(name, "new")
    steps.submit(job_id)
    steps.cancel(job_id)
    steps.watch()
    cancelled(steps.finish(job_id), "FileLocked", "is still on old")
    assert len(rows.attempts(job_id)) == 1


def test_a_move_that_wins_the_race_is_a_success(steps: Steps, operator: Operator, unused: InTurn) -> None:
    """vCenter is done and nobody has seen it yet: CancelTask answers InvalidState."""
    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    steps.submit(job_id)
    operator.wait_for(rows.tasks(job_id)[0].reference or "")
    steps.cancel(job_id)
    steps.stop(job_id)
    steps.watch()
    job = steps.finish(job_id)
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    stayed(name, "new")
    with pytest.raises(JobIsOver, match="has succeeded already"):
        steps.cancel(job_id)


def test_one_that_vcenter_cannot_cancel_is_waited_for_and_says_so(steps: Steps, faults: Faults, unused: InTurn) -> None:
    name = unused.vm("slow")
    refusal = faults.plant_fault("CancelTask", "NotSupported", at="call", which=Entities(times="always"))
    job_id = steps.ask_vm(name, "new")
    with at_work(faults):
        steps.submit(job_id)
        steps.cancel(job_id)
        steps.stop(job_id)
        [task] = rows.tasks(job_id)
        assert "NotSupported" in (task.stop_refused or "")
        rows.forget_asking_to_stop(job_id)
        steps.stop(job_id)
        assert sweeping.stop_what_is_to_stop("sweeper") == 0, "it is not asked again"
    assert refusal.struck() == 1
    steps.watch()
    assert "cannot be cancelled" in rows.job(job_id).phase
    assert steps.finish(job_id).state is JobState.SUCCEEDED


def test_a_vcenter_that_is_away_is_asked_again(steps: Steps, faults: Faults, unused: InTurn) -> None:
    name = unused.vm("slow")
    job_id = steps.ask_vm(name, "new")
    with at_work(faults):
        steps.submit(job_id)
        steps.cancel(job_id)
        with faults.away(running="continue"):
            steps.stop(job_id)
        assert "asked to stop" not in rows.kinds(job_id)
        rows.forget_asking_to_stop(job_id)
        assert sweeping.stop_what_is_to_stop("sweeper") == 1
        steps.stop(job_id)
        assert sweeping.stop_what_is_to_stop("sweeper") == 0, "not every few seconds"
        steps.watch()
    cancelled(steps.finish(job_id), "is still on slow")


def test_one_whose_worker_died_before_vcenter_was_asked(steps: Steps, unused: InTurn) -> None:
    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    assert claim_to_submit(job_id, "dead")
    assert steps.cancel(job_id).state is JobState.SUBMITTING
    rows.lapse_lease(job_id)
    cancelled(steps.submit(job_id, "next worker"), "vCenter was asked for nothing")
    assert steps.started(name) == 0


def test_one_whose_worker_died_when_vcenter_had_been_asked(
    steps: Steps, faults: Faults, unused: InTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task is found, adopted, and cancelled."""
    name = unused.vm("slow")
    job_id = steps.ask_vm(name, "new")

    def die(*_: object, **__: object) -> None:
        raise Killed

    with at_work(faults):
        with monkeypatch.context() as edges:
            edges.setattr(outside, "submitted", die)
            with pytest.raises(Killed):
                steps.submit(job_id)
        steps.cancel(job_id)
        rows.lapse_lease(job_id)
        assert steps.submit(job_id, "next worker").state is JobState.RUNNING
        assert sweeping.stop_what_is_to_stop("sweeper") == 1, "nobody else would ask"
        steps.stop(job_id)
        steps.watch()
    cancelled(steps.finish(job_id), "is still on slow")
    assert steps.ledger(name)["started"] == 1


def test_an_unknown_job_is_told(steps: Steps) -> None:
    with pytest.raises(NotFound, match="unable to find a job"):
        steps.cancel(UUID(int=0))
