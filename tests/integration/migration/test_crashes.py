"""A worker dies between any two lines; whoever takes the job over looks before asking again (law 3).

What counts is vCenter's own ledger: every migration was started once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from app.errors import ResourceUnavailable
from app.inventory.vcenters import Way
from app.jobs import outside
from app.jobs.states import JobState
from app.migration import admission, commands, submit, verify
from app.vsphere.errors import ReplyLost
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import NOTHING_TAKEN, Killed, Steps
from tests.integration.migration.steps import admission as taken
from tests.integration.operating import Operator
from tests.running.waiting import until

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Moved:
    """What a test migrates: a VM or a detached disk."""

    ask: Callable[[], UUID]
    entity: str


@pytest.fixture(params=["vm", "disk"])
def quick(request: pytest.FixtureRequest, steps: Steps, unused: InTurn) -> Moved:
    """A migration of milliseconds."""
    if request.param == "vm":
        name = unused.vm()
        return Moved(lambda: steps.ask_vm(name, "new"), name)
    path = unused.disk()
    return Moved(lambda: steps.ask_disk(path, "new"), path)


@pytest.fixture(params=["vm", "disk"])
def slow(request: pytest.FixtureRequest, steps: Steps, unused: InTurn) -> Moved:
    """A migration of more than a second."""
    if request.param == "vm":
        name = unused.vm("slow")
        return Moved(lambda: steps.ask_vm(name, "new"), name)
    path = unused.disk("slow", "slow")
    return Moved(lambda: steps.ask_disk(path, "new"), path)


def dies(*_arguments: object, **_named: object) -> None:
    raise Killed


def die_in(monkeypatch: pytest.MonkeyPatch, where: object, function: str, run: Callable[[], object]) -> None:
    """Run a step whose worker dies as soon as it calls `function`."""
    with monkeypatch.context() as edge:
        edge.setattr(where, function, dies)
        with pytest.raises(Killed):
            run()


def ended(steps: Steps, entity: str) -> None:
    """Wait until vCenter itself is done."""
    method = "MoveVirtualDisk_Task" if entity.startswith("[") else "RelocateVM_Task"
    until(lambda: steps.ledger(entity, method).get("succeeded"), 20, f"vCenter has moved {entity}")


BEFORE_THE_CALL = [
    pytest.param(Way, "open", id="as soon as it has the job"),
    pytest.param(submit, "look", id="before it looks"),
    pytest.param(admission, "take", id="before it takes slots"),
    pytest.param(submit, "choose", id="with slots"),
    pytest.param(outside, "intend", id="before the intent"),
    pytest.param(commands, "submit", id="between the intent and the call"),
]


@pytest.mark.parametrize(("where", "function"), BEFORE_THE_CALL)
def test_a_worker_dies_before_vcenter_is_asked(
    steps: Steps, quick: Moved, monkeypatch: pytest.MonkeyPatch, *, where: object, function: str
) -> None:
    job_id = quick.ask()
    die_in(monkeypatch, where, function, lambda: steps.submit(job_id))
    assert steps.submit(job_id, "early").lease_owner == "worker", "its lease has not run out"
    job = steps.take_over(job_id)
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert steps.started(quick.entity) == 1
    [attempt] = rows.attempts(job_id)
    assert (attempt.worker, attempt.outcome) == ("worker", "succeeded")
    assert taken() == NOTHING_TAKEN


def test_a_worker_dies_after_the_call_while_vcenter_works(
    steps: Steps, slow: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A VM's task is found on it and adopted; a disk's hangs on nothing, so it is waited for."""
    job_id = slow.ask()
    die_in(monkeypatch, outside, "submitted", lambda: steps.submit(job_id))
    rows.lapse_lease(job_id)
    job = steps.submit(job_id, "next worker")
    [task] = rows.tasks(job_id)
    if slow.entity.startswith("["):
        assert (job.state, task.state) == (JobState.SUBMITTING, "intended")
        assert "not clear yet how the last submission went" in job.phase
        ended(steps, slow.entity)
        job = steps.take_over(job_id)
    else:
        assert (job.state, task.adopted) == (JobState.RUNNING, True)
        assert rows.kinds(job_id)[-1] == "adopted"
        steps.watch()
        job = steps.finish(job_id, "next worker")
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert job.result is not None
    assert len(job.result["disks"]) == 1
    assert steps.started(slow.entity) == 1
    assert taken() == NOTHING_TAKEN


def test_a_worker_dies_after_the_call_and_vcenter_is_done_before_anybody_looks(
    steps: Steps, quick: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = quick.ask()
    die_in(monkeypatch, outside, "submitted", lambda: steps.submit(job_id))
    ended(steps, quick.entity)
    job = steps.take_over(job_id)
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert job.result is not None
    assert [disk["verified"] for disk in job.result["disks"]] == [True]
    assert steps.started(quick.entity) == 1


@pytest.mark.parametrize("arrived", [True, False], ids=["the call had arrived", "the call had not arrived"])
def test_the_reply_is_lost(steps: Steps, quick: Moved, monkeypatch: pytest.MonkeyPatch, *, arrived: bool) -> None:
    job_id, ask = quick.ask(), commands.submit

    def lose(*arguments: object) -> str:
        if arrived:
            ask(*arguments)  # type: ignore[arg-type]  # as they came
        raise ReplyLost("the connection broke before it answered")

    with monkeypatch.context() as edge:
        edge.setattr(commands, "submit", lose)
        job = steps.submit(job_id)
    assert (job.state, rows.tasks(job_id)[0].state) == (JobState.SUBMITTING, "intended")
    assert "its answer was lost" in job.phase
    if arrived:
        ended(steps, quick.entity)
    job = steps.take_over(job_id)
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert steps.started(quick.entity) == 1
    assert len(rows.attempts(job_id)) == 1


def test_the_database_is_away_when_the_reference_is_to_be_written(
    steps: Steps, quick: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise ResourceUnavailable("the database does not answer")

    job_id = quick.ask()
    with monkeypatch.context() as edge:
        edge.setattr(outside, "submitted", away)
        assert steps.submit(job_id).state is JobState.SUBMITTING
    ended(steps, quick.entity)
    assert steps.take_over(job_id).state is JobState.SUCCEEDED
    assert steps.started(quick.entity) == 1


@pytest.mark.parametrize(
    ("where", "function"),
    [pytest.param(verify, "verify", id="before it looks"), pytest.param(verify, "result_of", id="after it has looked")],
)
def test_a_worker_dies_while_it_verifies(
    steps: Steps, quick: Moved, monkeypatch: pytest.MonkeyPatch, *, where: object, function: str
) -> None:
    job_id = quick.ask()
    steps.submit(job_id)
    steps.watch()
    die_in(monkeypatch, where, function, lambda: steps.finish(job_id))
    assert steps.finish(job_id, "early").state is JobState.VERIFYING
    rows.lapse_lease(job_id)
    job = steps.finish(job_id, "next worker")
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert steps.started(quick.entity) == 1
    assert taken() == NOTHING_TAKEN


def test_a_worker_dies_between_finding_it_done_and_verifying(
    steps: Steps, quick: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It found the work of a dead one before it done, and dies itself."""
    job_id = quick.ask()
    die_in(monkeypatch, outside, "submitted", lambda: steps.submit(job_id))
    ended(steps, quick.entity)
    rows.lapse_lease(job_id)
    die_in(monkeypatch, submit, "conclude", lambda: steps.submit(job_id, "second"))
    assert rows.job(job_id).state is JobState.VERIFYING
    rows.lapse_lease(job_id)
    assert steps.finish(job_id, "third").state is JobState.SUCCEEDED
    assert steps.started(quick.entity) == 1


def test_a_vm_that_is_deleted_after_its_relocation(steps: Steps, operator: Operator, unused: InTurn) -> None:
    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    steps.submit(job_id)
    steps.watch()
    operator.destroy(known.vm(name).moref)
    job = steps.finish(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, 431)
    assert "removed from the inventory" in (job.error_text or "")
    assert taken() == NOTHING_TAKEN


def test_a_vm_that_is_deleted_before_anybody_can_look_how_the_call_went(
    steps: Steps, operator: Operator, unused: InTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    die_in(monkeypatch, commands, "submit", lambda: steps.submit(job_id))
    operator.destroy(known.vm(name).moref)
    rows.lapse_lease(job_id)
    job = steps.submit(job_id, "next worker")
    assert (job.state, job.error_code) == (JobState.FAILED, 431)
    assert rows.tasks(job_id)[0].state == "abandoned"
    assert taken() == NOTHING_TAKEN
