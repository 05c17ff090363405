"""Law 1: whatever was forgotten is found again, and rung for once however many look."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import TextClause, text

from app.db import transaction
from app.jobs import attempts, outside
from app.jobs.leases import claim_to_finish, claim_to_submit
from app.jobs.outside import Ending
from app.jobs.states import JobState, TaskState
from app.jobs.sweeping import hurry_waiting, ring_forgotten
from tests.integration.jobs import rows
from tests.integration.jobs.at_once import at_once

pytestmark = pytest.mark.integration

Heard = Callable[[], list[tuple[str, str]]]
SUBMIT, FINISH = "vrelocate.submit", "vrelocate.finish"
IN_AN_HOUR = text("now() + interval '1 hour'")


def submitting() -> UUID:
    job_id = rows.new_job()
    assert claim_to_submit(job_id, "worker")
    return job_id


def running(*, settled: bool) -> UUID:
    job_id = rows.new_job()
    claim = claim_to_submit(job_id, "worker")
    assert claim
    with transaction() as session:
        attempts.begin(session, claim)
    task_id = outside.intend(claim, 1, 0, rows.NOBODY, {})
    outside.submitted(claim, task_id, "task-1")
    if settled:
        with transaction() as session:
            outside.settle(session, task_id, Ending(TaskState.SUCCESS))
    return job_id


def verifying() -> UUID:
    job_id = running(settled=True)
    assert claim_to_finish(job_id, "worker")
    return job_id


def test_a_bell_that_was_lost_is_rung_again(heard: Heard) -> None:
    job_id = rows.new_job()
    assert ring_forgotten() == 1
    assert heard() == [(SUBMIT, str(job_id))]


def test_a_job_that_was_rung_for_just_now_is_left_in_peace(heard: Heard) -> None:
    job_id = rows.new_job(rung_at=text("now()"))
    assert ring_forgotten() == 0
    rows.forget_ringing(job_id)
    assert ring_forgotten() == 1
    assert ring_forgotten() == 0
    assert heard() == [(SUBMIT, str(job_id))]


def test_a_retry_is_rung_for_when_its_time_has_come(heard: Heard) -> None:
    job_id = rows.new_job(next_run_at=IN_AN_HOUR, rung_at=text("now() - interval '1 second'"))
    assert ring_forgotten() == 0
    rows.make_due(job_id)
    assert ring_forgotten() == 1
    assert heard() == [(SUBMIT, str(job_id))]


@pytest.mark.parametrize(("left", "step"), [(submitting, SUBMIT), (verifying, FINISH)])
def test_the_job_of_a_dead_worker_is_rung_for(left: Callable[[], UUID], step: str, heard: Heard) -> None:
    job_id = left()
    assert ring_forgotten() == 0
    rows.lapse_lease(job_id)
    assert ring_forgotten() == 1
    assert heard() == [(step, str(job_id))]


def test_a_task_that_ended_unheard_is_finished(heard: Heard) -> None:
    job_id = running(settled=True)
    assert ring_forgotten() == 1
    assert heard() == [(FINISH, str(job_id))]


def test_a_task_that_is_under_way_is_left_to_its_watcher(heard: Heard) -> None:
    running(settled=False)
    assert ring_forgotten() == 0
    assert heard() == []


def test_what_is_over_is_never_rung_for(heard: Heard) -> None:
    over = {"finished_at": text("now()"), "rung_at": None}
    rows.new_job(state=JobState.SUCCEEDED, result={}, **over)
    rows.new_job(state=JobState.FAILED, error_code=530, error_text="no", **over)
    rows.new_job(state=JobState.CANCELLED, error_code=530, error_text="no", **over)
    assert ring_forgotten() == 0
    assert heard() == []


def test_any_number_of_sweepers_ring_once(heard: Heard) -> None:
    queued = {rows.new_job() for _ in range(20)}
    ended = {running(settled=True) for _ in range(10)}
    assert sum(at_once(8, lambda _: ring_forgotten())) == 30
    rung = heard()
    assert len(rung) == 30
    assert set(rung) == {(SUBMIT, str(it)) for it in queued} | {(FINISH, str(it)) for it in ended}


def aged(seconds: int) -> TextClause:
    return text(f"now() - interval '{seconds} s'")


def test_what_matters_more_is_rung_for_first_and_the_oldest_before_the_rest(heard: Heard) -> None:
    young, old, middle = (rows.new_job(created_at=aged(age)) for age in (1, 3, 2))
    urgent = rows.new_job(priority=1)
    ring_forgotten()
    assert [job_id for _, job_id in heard()] == [str(it) for it in (urgent, old, middle, young)]


def test_whoever_has_fewer_jobs_at_work_is_rung_for_first(heard: Heard) -> None:
    """Accounts take turns, and those who have something running come later."""
    busy, idle = uuid4(), uuid4()
    claimed = rows.new_job(account_id=busy)
    assert claim_to_submit(claimed, "worker")
    of_busy = [rows.new_job(account_id=busy, created_at=aged(100 - age)) for age in range(2)]
    of_idle = [rows.new_job(account_id=idle, created_at=aged(50 - age)) for age in range(3)]
    ring_forgotten()
    wanted = (of_idle[0], of_busy[0], of_idle[1], of_busy[1], of_idle[2])
    assert [job_id for _, job_id in heard()] == [str(it) for it in wanted]


def test_whoever_waits_for_a_freed_slot_is_due_at_once_the_first_in_line_first(heard: Heard) -> None:
    first, second, third = (
        rows.new_job(waiting_for="pool:1", next_run_at=IN_AN_HOUR, created_at=aged(age)) for age in (3, 2, 1)
    )
    other = rows.new_job(waiting_for="pool:2", next_run_at=IN_AN_HOUR)
    hurry_waiting(lambda _: {"pool:1": 1})
    assert heard() == [(SUBMIT, str(first))]
    assert claim_to_submit(first, "worker")
    assert not any(claim_to_submit(it, "worker") for it in (second, third, other))


def test_the_line_is_rung_for_in_its_order(heard: Heard) -> None:
    ages = (1, 5, 3, 2, 4)
    made = {age: rows.new_job(waiting_for="pool:1", next_run_at=IN_AN_HOUR, created_at=aged(age)) for age in ages}
    hurry_waiting(lambda _: {"pool:1": 3, "host:1": 8, "vcenter:1": 8})
    assert [job_id for _, job_id in heard()] == [str(made[age]) for age in (5, 4, 3)]


def test_nobody_is_hurried_for_nothing(heard: Heard) -> None:
    rows.new_job(waiting_for="pool:1", next_run_at=IN_AN_HOUR)
    hurry_waiting(lambda _: {})
    hurry_waiting(lambda _: {"pool:2": 8})
    assert heard() == []
