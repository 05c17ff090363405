"""A worker process dies between any two lines of every step, and replies are lost: one relocation, and nothing left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from app.migration import asking
from app.migration.programs import Asked
from app.migration.requests import MigrateVolume
from app.vsphere.tasks import running_tasks_of
from app.vsphere.worker_vm import list_workers
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.programs.driving import Drive
from tests.integration.migration.programs.dying import EDGES, Death, Edges, Life, dying
from tests.integration.migration.steps import Killed
from tests.running.faults import Faults
from tests.running.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

STEPS = ["CreateVM_Task", "RelocateVM_Task", "ReconfigVM_Task", "MoveVirtualDisk_Task", "Destroy_Task"]


@dataclass(frozen=True)
class Carried:
    """A detached disk that a job moves."""

    volume_id: UUID
    target: str
    """Where it is to be, as far as that is ours to say."""
    relocates: str
    """The method that moves its bytes."""


@pytest.fixture
def thin(unused: InTurn) -> Callable[[], Carried]:
    """A disk that takes a worker VM."""

    def next_one() -> Carried:
        path = unused.disk(family="thin")
        return Carried(known.volume(path).id, path.replace("[old]", "[new]"), "RelocateVM_Task")

    return next_one


@pytest.fixture
def first_class(unused: InTurn) -> Callable[[], Carried]:
    """A First Class Disk."""

    def next_one() -> Carried:
        name = unused.vm("pvc")
        return Carried(known.volume(f"[old] fcd/{name}.vmdk").id, "[new] ", "RelocateVStorageObject_Task")

    return next_one


def ask(drive: Drive, carried: Carried) -> UUID:
    return drive.steps.ask(MigrateVolume(volume_id=carried.volume_id, pool_id=known.pool("new").id))


def arrived_once(drive: Drive, carried: Carried, job_id: UUID, before: dict[str, int]) -> None:
    after = drive.calls(*before)
    assert after[carried.relocates] == before[carried.relocates] + 1, drive.told(job_id)
    path = known.volume_of_id(carried.volume_id).path
    assert path.startswith(carried.target)
    drive.is_at(carried.volume_id, path)


def to_end_through_death(drive: Drive, job_id: UUID) -> None:
    """Give it turns; the worker that dies in one of them leaves the job to the next."""
    try:
        drive.to_end(job_id)
    except Killed:
        drive.to_end(job_id)


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    """The life of a job in which nobody dies."""
    return []


def lived(drive: Drive, carried: Carried, edges: Edges, *, deadly: bool) -> Life:
    before = drive.calls("RelocateVM_Task")
    life = Life(ask(drive, carried), deadly=deadly)
    with life.at(edges):
        life.to_its_end(lambda: drive.to_end(life.job_id))
    drive.succeeded(life.job_id)
    arrived_once(drive, carried, life.job_id, before)
    return life


@pytest.mark.parametrize("edge", EDGES)
def test_a_worker_dies_at_any_moment(drive: Drive, thin: Callable[[], Carried], lives: list[Life], edge: str) -> None:
    """One job, whose workers die one after the other: one at each moment that any of them comes to."""
    if not lives:
        lives.append(lived(drive, thin(), EDGES, deadly=False))
    [undisturbed] = lives
    assert undisturbed.came_to[edge], "nobody ever comes there"
    assert lived(drive, thin(), {edge: EDGES[edge]}, deadly=True).missed(undisturbed, edge) == []


def test_a_worker_dies_when_it_has_found_out_that_nothing_was_begun(
    drive: Drive, thin: Callable[[], Carried], faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one before it has asked in vain, and did not get to know."""
    carried, before = thin(), drive.calls("RelocateVM_Task")
    faults.lose_request("RelocateVM_Task")
    job_id = ask(drive, carried)
    with monkeypatch.context() as edges:
        edges.setattr(asking, "settle", Death(0).guard(asking.settle))
        with pytest.raises(Killed):
            drive.to_end(job_id)
    drive.succeed(job_id)
    # The call that was lost is counted: it came to vCenter's door.
    assert drive.calls("RelocateVM_Task")["RelocateVM_Task"] - before["RelocateVM_Task"] <= 2
    assert drive.asked(job_id).count("relocate-worker") == 1


def worker_at_rest(drive: Drive) -> bool:
    """Say whether there is one worker VM, and nothing is done with it."""
    return [running_tasks_of(drive.session, it.moref) for it in list_workers(drive.session)] == [[]]


def test_a_worker_dies_when_it_has_found_out_that_the_first_command_is_done(
    drive: Drive, thin: Callable[[], Carried], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one before it has asked, and did not get to know: whoever comes next does not ask for the same again."""
    carried, before = thin(), drive.calls("RelocateVM_Task", "CreateVM_Task")
    job_id = ask(drive, carried)
    with monkeypatch.context() as edges:
        dying(edges, "between a call and its reference", 0)
        with pytest.raises(Killed):
            drive.to_end(job_id)
    until(lambda: worker_at_rest(drive), 20, "vCenter has made the worker VM")
    with monkeypatch.context() as edges:
        dying(edges, "while the job changes its state", 0)
        with pytest.raises(Killed):
            drive.turn(job_id)
    assert [task.state for task in rows.tasks(job_id)] == ["vanished"], "found done"
    drive.succeed(job_id)
    arrived_once(drive, carried, job_id, before)
    assert drive.calls("CreateVM_Task")["CreateVM_Task"] == before["CreateVM_Task"] + 1


@pytest.mark.parametrize("edge", ["between an intent and its call", "between a call and its reference"])
def test_a_worker_dies_with_a_first_class_disk(
    drive: Drive, first_class: Callable[[], Carried], monkeypatch: pytest.MonkeyPatch, edge: str
) -> None:
    carried, before = first_class(), drive.calls("RelocateVStorageObject_Task")
    job_id = ask(drive, carried)
    with monkeypatch.context() as edges:
        death = dying(edges, edge, 0)
        to_end_through_death(drive, job_id)
    assert death.came
    drive.succeeded(job_id)
    arrived_once(drive, carried, job_id, before)


@pytest.mark.parametrize("edge", ["between an intent and its call", "between a call and its reference"])
@pytest.mark.parametrize("command", [0, 1], ids=["consolidating", "relocating"])
def test_a_worker_dies_with_a_vm_that_needs_consolidation(
    drive: Drive, unused: InTurn, monkeypatch: pytest.MonkeyPatch, *, edge: str, command: int
) -> None:
    """What was never begun is begun in the same attempt; what was begun goes on."""
    name = unused.vm("split")
    job_id = drive.steps.ask_vm(name, "new")
    with monkeypatch.context() as edges:
        death = dying(edges, edge, command)
        to_end_through_death(drive, job_id)
    assert death.came
    drive.succeeded(job_id)
    assert drive.asked(job_id) == ["consolidate-disks", "relocate-vm"]
    assert [attempt.outcome for attempt in rows.attempts(job_id)] == ["succeeded"]
    assert drive.steps.ledger(name)["started"] == 1


@pytest.mark.parametrize("carried_out", [True, False], ids=["carried out", "not carried out"])
@pytest.mark.parametrize("method", [*STEPS, "RelocateVStorageObject_Task"])
def test_a_reply_is_lost(
    drive: Drive,
    thin: Callable[[], Carried],
    first_class: Callable[[], Carried],
    faults: Faults,
    *,
    method: str,
    carried_out: bool,
) -> None:
    carried = first_class() if method.startswith("RelocateV") and method != "RelocateVM_Task" else thin()
    lost = faults.lose_reply(method) if carried_out else faults.lose_request(method)
    job_id = ask(drive, carried)
    drive.succeed(job_id)
    assert lost.struck() == 1
    begun = [Asked.of(task).command for task in rows.tasks(job_id) if task.state != "abandoned"]
    assert sum(command.copies for command in begun) == 1, drive.told(job_id)
    path = known.volume_of_id(carried.volume_id).path
    assert path.startswith(carried.target)
    drive.is_at(carried.volume_id, path)
    assert {attempt.outcome for attempt in rows.attempts(job_id)} == {"succeeded"}
