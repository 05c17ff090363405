"""One watcher a system, by lease; progress in batches that never goes back, and ends that are written once."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.db import transaction
from app.errors import LostLease
from app.jobs import attempts, outside, watching
from app.jobs.leases import claim_to_submit
from app.jobs.outside import Ending
from app.jobs.states import TaskState
from app.jobs.watching import Followed, Watch
from tests.integration.jobs import rows
from tests.integration.jobs.at_once import at_once

pytestmark = pytest.mark.integration

RUNNING, QUEUED = TaskState.RUNNING, TaskState.QUEUED


def running_in(system: UUID, reference: str = "task-1") -> Followed:
    """A job whose task runs in `system`."""
    claim = claim_to_submit(rows.new_job(system_id=system), "worker")
    assert claim
    with transaction() as session:
        attempts.begin(session, claim)
    task_id = outside.intend(claim, 1, 0, system, {})
    outside.submitted(claim, task_id, reference)
    return Followed(task_id=task_id, job_id=claim.job_id, reference=reference)


def take(system: UUID, owner: str) -> Watch:
    watch = watching.take_watch(system, owner)
    assert watch
    return watch


def lapse(system: UUID) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE watch_lease SET expires_at = now() - interval '1 second' WHERE system_id = :id"),
            {"id": system},
        )


def leases() -> list[tuple[str, int]]:
    with transaction() as session:
        return [(row.owner, row.fence) for row in session.execute(text("SELECT owner, fence FROM watch_lease"))]


def test_of_sixteen_workers_one_watches() -> None:
    system = uuid4()
    watches = [watch for watch in at_once(16, lambda n: watching.take_watch(system, f"worker-{n}")) if watch]
    assert len(watches) == 1
    assert leases() == [(watches[0].owner, watches[0].fence)]


def test_a_watch_that_lapsed_goes_to_one_other() -> None:
    system = uuid4()
    dead = take(system, "dead")
    assert watching.take_watch(system, "early") is None
    lapse(system)
    taken = [watch for watch in at_once(16, lambda n: watching.take_watch(system, f"worker-{n}")) if watch]
    assert len(taken) == 1
    assert taken[0].fence > dead.fence


def test_a_watcher_that_was_replaced_learns_it_and_leaves_the_new_one_alone() -> None:
    system = uuid4()
    paused = take(system, "paused")
    lapse(system)
    take(system, "next")
    before = leases()
    with pytest.raises(LostLease):
        watching.renew_watch(paused)
    assert leases() == before


def test_a_watcher_that_was_replaced_by_one_that_died_does_not_come_back_by_renewing() -> None:
    """It would hold a lease and not know it: nobody would watch until that ran out."""
    system = uuid4()
    paused = take(system, "paused")
    lapse(system)
    take(system, "next")
    lapse(system)
    with pytest.raises(LostLease):
        watching.renew_watch(paused)
    assert watching.take_watch(system, "third")


def test_a_watch_that_was_given_back_is_not_renewed() -> None:
    watch = take(uuid4(), "worker")
    watching.drop_watch(watch)
    with pytest.raises(LostLease):
        watching.renew_watch(watch)
    assert leases() == []


def test_a_watch_that_is_renewed_stays() -> None:
    system = uuid4()
    watch = take(system, "worker")
    lapse(system)
    watching.renew_watch(watch)
    assert watching.take_watch(system, "other") is None
    assert leases() == [("worker", watch.fence)]


def test_a_watch_that_was_given_back_is_taken_at_once() -> None:
    system = uuid4()
    watching.drop_watch(take(system, "first"))
    take(system, "second")


def test_only_its_holder_gives_a_watch_back() -> None:
    system = uuid4()
    paused = take(system, "paused")
    lapse(system)
    take(system, "next")
    watching.drop_watch(paused)
    assert [owner for owner, _ in leases()] == ["next"]


def test_a_system_in_which_something_runs_wants_a_watcher() -> None:
    system, idle = uuid4(), uuid4()
    followed = running_in(system)
    running_in(system)
    assert watching.unwatched_systems() == [system]
    watch = take(system, "worker")
    assert watching.unwatched_systems() == []
    lapse(system)
    assert watching.unwatched_systems() == [system]
    watching.drop_watch(watch)
    assert watching.unwatched_systems() == [system]
    assert followed in watching.followed_tasks(system)
    assert watching.followed_tasks(idle) == []


def test_an_intent_alone_is_nothing_to_follow() -> None:
    claim = claim_to_submit(rows.new_job(system_id=uuid4()), "worker")
    assert claim
    with transaction() as session:
        attempts.begin(session, claim)
    outside.intend(claim, 1, 0, uuid4(), {})
    assert watching.unwatched_systems() == []


def test_progress_is_written_for_many_at_once() -> None:
    system = uuid4()
    first, second, untouched = (running_in(system, f"task-{n}") for n in range(3))
    watch = take(system, "worker")
    watching.save_progress(watch, {first.task_id: (RUNNING, 40), second.task_id: (QUEUED, 0)})
    told = [(rows.job(it.job_id).progress, rows.job(it.job_id).phase) for it in (first, second, untouched)]
    assert told == [(40, "relocating"), (0, "queued by vCenter"), (0, "queued by vCenter")]
    [task] = rows.tasks(first.job_id)
    assert (task.state, task.progress) == (RUNNING, 40)


def test_progress_never_goes_back() -> None:
    system = uuid4()
    followed, watch = running_in(system), take(system, "worker")
    watching.save_progress(watch, {followed.task_id: (RUNNING, 40)})
    watching.save_progress(watch, {followed.task_id: (RUNNING, 30)})
    assert rows.job(followed.job_id).progress == 40


def test_what_a_replaced_watcher_saw_is_not_written() -> None:
    system = uuid4()
    followed, paused = running_in(system), take(system, "paused")
    lapse(system)
    take(system, "next")
    watching.save_progress(paused, {followed.task_id: (RUNNING, 40)})
    assert rows.job(followed.job_id).progress == 0
    assert rows.tasks(followed.job_id)[0].state is QUEUED


def test_a_watcher_writes_for_its_own_system_alone() -> None:
    followed, watch = running_in(uuid4()), take(uuid4(), "worker")
    watching.save_progress(watch, {followed.task_id: (RUNNING, 40)})
    assert rows.tasks(followed.job_id)[0].progress == 0


def test_an_end_counts_whoever_reports_it_and_once() -> None:
    system = uuid4()
    followed, watch = running_in(system), take(system, "worker")
    ending = Ending(TaskState.ERROR, "FileLocked", "retry", "the file is locked")
    reports = at_once(8, lambda _: watching.save_endings(watch, [(followed, ending)]))
    assert sorted(reports) == [[]] * 7 + [[followed.job_id]]
    assert rows.kinds(followed.job_id).count("settled") == 1
    [event] = [it for it in rows.history(followed.job_id) if it.kind == "settled"]
    assert event.detail == {"task": "task-1", "state": "error", "fault": "FileLocked"}


def test_many_ends_are_written_at_once_and_those_of_before_are_left_alone() -> None:
    system = uuid4()
    first, second, third = (running_in(system, f"task-{n}") for n in range(3))
    watch = take(system, "worker")
    watching.save_endings(watch, [(second, Ending(TaskState.SUCCESS))])
    failed = Ending(TaskState.ERROR, "FileLocked", "retry", "the file is locked")
    jobs = watching.save_endings(watch, [(first, failed), (second, failed), (third, Ending(TaskState.VANISHED))])
    assert set(jobs) == {first.job_id, third.job_id}
    told = [(it.state, it.fault, it.fault_class, it.message) for it in (rows.tasks(job)[0] for job in jobs)]
    assert set(told) == {("error", "FileLocked", "retry", "the file is locked"), ("vanished", None, None, None)}
    assert rows.tasks(second.job_id)[0].state is TaskState.SUCCESS
    assert watching.followed_tasks(system) == []


def test_a_job_whose_task_is_over_is_not_even_locked_by_late_progress() -> None:
    """It is about to be claimed, and claims pass by what is locked."""
    system = uuid4()
    followed, watch = running_in(system), take(system, "worker")
    watching.save_endings(watch, [(followed, Ending(TaskState.SUCCESS))])
    with transaction() as session:
        session.execute(text("SET LOCAL lock_timeout = '100ms'"))
        session.execute(text("SELECT FROM job WHERE id = :id FOR UPDATE"), {"id": followed.job_id})
        at_once(1, lambda _: watching.save_progress(watch, {followed.task_id: (RUNNING, 50)}))


def test_what_was_submitted_lately_is_asked_for_by_itself() -> None:
    system = uuid4()
    old, fresh = running_in(system, "task-1"), running_in(system, "task-2")
    with transaction() as session:
        session.execute(
            text("UPDATE outside_task SET submitted_at = now() - interval '1 minute' WHERE id = :id"),
            {"id": old.task_id},
        )
    assert watching.fresh_tasks(system, 10) == [fresh]
    [first, second] = sorted(watching.followed_tasks(system), key=lambda it: it.reference)
    assert (first, second) == (old, fresh)
    assert first.age_seconds >= 60 > second.age_seconds


def test_a_task_that_is_over_stays_over() -> None:
    system = uuid4()
    followed, watch = running_in(system), take(system, "worker")
    watching.save_endings(watch, [(followed, Ending(TaskState.SUCCESS))])
    watching.save_progress(watch, {followed.task_id: (RUNNING, 50)})
    assert rows.tasks(followed.job_id)[0].state is TaskState.SUCCESS
    assert watching.followed_tasks(system) == []
