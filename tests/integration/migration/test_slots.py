"""Slots and space: no more at once than is allowed, nobody waits longer than there is something to wait for."""

from __future__ import annotations

import threading
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from app.db import transaction
from app.hypervisors.move import Move
from app.jobs.models import Job, Slot
from app.jobs.states import JobState
from app.migration import admission as slots
from app.migration import outcomes, situation
from app.migration.plan import plan
from app.migration.requests import MigrateVirtualMachine
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.jobs.at_once import at_once
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 30


def is_due(job_id: UUID) -> bool:
    with transaction() as session:
        return session.scalars(select(Job.next_run_at <= func.now()).where(Job.id == job_id)).one()


def postpone(job_id: UUID) -> None:
    with transaction() as session:
        later = text("UPDATE job SET next_run_at = now() + interval '1 hour' WHERE id = :id")
        session.execute(later, {"id": job_id})


def move_of(name: str, to: str = "new") -> Move:
    with transaction() as session:
        return plan(session, MigrateVirtualMachine(vm_id=known.vm(name).id, pool_id=known.pool(to).id))


def take(job_id: UUID, move: Move) -> str | None:
    with transaction() as session:
        wait = slots.take(session, job_id, move).wait
    return wait.resource.key if wait else None


def held() -> dict[str, int]:
    with transaction() as session:
        counted = text("SELECT split_part(resource, ':', 1) AS kind, count(*) FROM slot GROUP BY 1")
        return {kind: count for kind, count in session.execute(counted)}  # noqa: C416  # rows, not pairs


@pytest.mark.usefixtures("steps")
class TestThreeToATarget:
    """No more than three relocations at once may go to one pool."""

    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return {**environment, "VRELOCATE_SLOTS_PER_TARGET_POOL": "3"}

    def test_of_many_that_come_at_once_three_get_a_slot(self, unused: InTurn) -> None:
        move = move_of(unused.vm())
        jobs = [rows.new_job() for _ in range(16)]
        answers = at_once(16, lambda n: take(jobs[n], move))
        assert answers.count(None) == 3
        assert set(answers) == {None, f"target-pool:{known.pool('new').id}"}
        assert held() == {"vcenter": 3, "host": 3, "source-pool": 3, "target-pool": 3}

    def test_all_or_nothing(self, unused: InTurn) -> None:
        """Whoever is refused one slot keeps none of the others."""
        move = move_of(unused.vm())
        for _ in range(3):
            assert take(rows.new_job(), move) is None
        before = admission()
        assert take(rows.new_job(), move) is not None
        assert admission() == before

    def test_taking_again_changes_nothing(self, unused: InTurn) -> None:
        move = move_of(unused.vm())
        jobs = [rows.new_job() for _ in range(3)]
        for job_id in [*jobs, *jobs]:
            assert take(job_id, move) is None
        assert held()["target-pool"] == 3

    def test_what_is_released_is_free(self, unused: InTurn) -> None:
        move = move_of(unused.vm())
        jobs = [rows.new_job() for _ in range(4)]
        assert [take(job_id, move) for job_id in jobs[:3]] == [None] * 3
        assert take(jobs[3], move)
        with transaction() as session:
            released = slots.release(session, jobs[0])
        assert {resource.partition(":")[0] for resource in released} == {
            "vcenter",
            "host",
            "source-pool",
            "target-pool",
        }
        assert take(jobs[3], move) is None

    def test_other_targets_are_not_concerned(self, unused: InTurn) -> None:
        name = unused.vm()
        for _ in range(3):
            assert take(rows.new_job(), move_of(name)) is None
        assert take(rows.new_job(), move_of(name, "gold")) is None


class TestOneAtATime:
    """One relocation at a time may go to a pool."""

    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return {**environment, "VRELOCATE_SLOTS_PER_TARGET_POOL": "1"}

    def test_who_finds_no_slot_waits_and_is_hurried_when_it_is_free(self, steps: Steps, unused: InTurn) -> None:
        first, second = (steps.ask_vm(unused.vm(), "new") for _ in range(2))
        steps.submit(first)
        job = steps.submit(second)
        assert (job.state, job.waiting_for) == (JobState.QUEUED, f"target-pool:{known.pool('new').id}")
        assert job.phase == "waiting: target pool new has 1 relocations running already"
        assert not is_due(second)
        assert rows.attempts(second)[0].ended_at is None, "waiting costs no attempt"

        steps.watch()
        assert steps.finish(first).state is JobState.SUCCEEDED
        assert is_due(second)
        job = steps.run(second)
        assert (job.state, job.attempt, job.waiting_for) == (JobState.SUCCEEDED, 1, None)
        assert admission() == NOTHING_TAKEN

    def test_a_slot_that_is_freed_while_a_job_goes_to_wait_is_not_missed(
        self, steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first job ends after the second was refused, and before anybody can see it waiting."""
        first, second = (steps.ask_vm(unused.vm(), "new") for _ in range(2))
        steps.submit(first)
        steps.watch()
        wait = outcomes.wait_for_slot

        def late(*arguments: object) -> None:
            assert steps.finish(first).state is JobState.SUCCEEDED
            wait(*arguments)  # type: ignore[arg-type]  # as they came

        with monkeypatch.context() as edge:
            edge.setattr(outcomes, "wait_for_slot", late)
            assert steps.submit(second).state is JobState.QUEUED
        assert is_due(second)
        assert steps.run(second).state is JobState.SUCCEEDED

    def test_a_job_that_is_woken_for_a_slot_that_it_cannot_use_passes_it_on(self, steps: Steps, unused: InTurn) -> None:
        """It needs another one as well, which has been taken meanwhile."""
        first, second, third = (steps.ask_vm(unused.vm(), "new") for _ in range(3))
        for job_id in (first, second, third):
            steps.submit(job_id)
        source = f"source-pool:{known.pool('old').id}"
        with transaction() as session:
            session.add_all(Slot(resource=source, job_id=job_id) for job_id in [rows.new_job() for _ in range(8)])
        steps.watch()
        assert steps.finish(first).state is JobState.SUCCEEDED
        postpone(third)
        assert is_due(second)
        assert steps.submit(second).waiting_for == source
        assert is_due(third)

    def test_whoever_goes_to_wait_holds_nothing(self, steps: Steps, unused: InTurn) -> None:
        """A dead worker had taken slots for it; now one of them is full."""
        first, second = (steps.ask_vm(unused.vm(), "new") for _ in range(2))
        assert take(second, move_of(_name(second), "gold")) is None
        steps.submit(first)
        assert steps.submit(second).waiting_for is not None
        with transaction() as session:
            assert session.scalars(text("SELECT count(*) FROM slot WHERE job_id = :id"), {"id": second}).one() == 0

    def test_a_job_that_fails_frees_its_slots_too(self, steps: Steps, unused: InTurn) -> None:
        first, second = steps.ask_vm("running-01", "new"), steps.ask_vm(unused.vm(), "new")
        assert steps.submit(first).state is JobState.FAILED
        assert steps.submit(second).state is JobState.RUNNING

    def test_a_job_that_waits_is_told_at_once_that_it_must_not_run(self, steps: Steps, unused: InTurn) -> None:
        steps.submit(steps.ask_vm(unused.vm(), "new"))
        assert steps.submit(steps.ask_vm("running-02", "new")).state is JobState.FAILED

    def test_a_job_in_line_asks_vcenter_for_nothing(
        self, steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Law 6: hundreds may wait."""
        steps.submit(steps.ask_vm(unused.vm(), "new"))
        waiting = steps.ask_vm(unused.vm(), "new")
        steps.submit(waiting)
        rows.make_due(waiting)

        def asked(*_: object) -> None:
            pytest.fail("vCenter was asked")

        with monkeypatch.context() as edge:
            edge.setattr("app.migration.submit.look", asked)
            assert steps.submit(waiting).waiting_for is not None


class TestSpace:
    """1.5 GiB are free on `small`; each of the VMs has 1 GiB."""

    def test_what_a_running_job_will_fill_is_not_free(self, steps: Steps, unused: InTurn) -> None:
        first, second = (steps.ask_vm(unused.vm("big"), "small") for _ in range(2))
        assert steps.submit(first).state is JobState.RUNNING
        job = steps.submit(second)
        assert job.state is JobState.FAILED
        assert "1.0 GiB reserved by running jobs" in (job.error_text or "")
        steps.watch()
        assert steps.finish(first).state is JobState.SUCCEEDED
        assert steps.run(steps.ask_vm(_name(first), "old")).state is JobState.SUCCEEDED

    @pytest.mark.usefixtures("steps")
    def test_a_reservation_is_what_the_disks_need(self, unused: InTurn) -> None:
        move = move_of(unused.vm("pair"))
        assert move.machine
        home = move.machine.home_bytes
        job_id = rows.new_job()
        take(job_id, move)
        with transaction() as session:
            reserved = session.scalars(text("SELECT bytes FROM space_reservation")).all()
        assert reserved == [sum(disk.needed_bytes for disk in move.disks) + home]
        take(job_id, replace(move, disks=move.disks[:1]))
        with transaction() as session:
            reserved = session.scalars(text("SELECT bytes FROM space_reservation")).all()
        assert reserved == [move.disks[0].needed_bytes + home]

    def test_of_two_for_whom_there_is_not_room_one_gets_it(
        self, steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both reserve before either checks: they must not refuse each other."""
        jobs = [steps.ask_vm(unused.vm("big"), "small") for _ in range(2)]
        look = situation.from_inventory
        together = threading.Barrier(2)

        def at_the_same_time(*arguments: object, **named: object) -> situation.Situation:
            together.wait(DEADLINE_SECONDS)
            picture = look(*arguments, **named)  # type: ignore[arg-type]  # as they came
            together.wait(DEADLINE_SECONDS)
            return picture

        with monkeypatch.context() as edge:
            edge.setattr(situation, "from_inventory", at_the_same_time)
            states = at_once(2, lambda n: steps.submit(jobs[n], f"worker-{n}").state)
        assert sorted(states) == [JobState.FAILED, JobState.RUNNING]
        steps.watch()
        winner = jobs[states.index(JobState.RUNNING)]
        assert steps.finish(winner).state is JobState.SUCCEEDED
        assert steps.run(steps.ask_vm(_name(winner), "old")).state is JobState.SUCCEEDED


def _name(job_id: UUID) -> str:
    with transaction() as session:
        found = text("SELECT name FROM virtual_machine WHERE id = :id")
        return str(session.scalars(found, {"id": rows.job(job_id).resource_id}).one())
