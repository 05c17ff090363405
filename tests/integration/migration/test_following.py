"""While vCenter works: watchers come and go, tasks are forgotten or cancelled, and the disks alone decide."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from uuid import UUID

import pytest
from sqlalchemy import text

from app.db import transaction
from app.inventory.vcenters import session_to
from app.jobs import watching
from app.jobs.states import JobState
from app.jobs.watching import Watch
from app.migration import commands
from app.vsphere.errors import ReplyLost
from app.vsphere.tasks import TaskWatch, cancel_task
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission
from tests.integration.operating import Operator
from tests.running.faults import Faults
from tests.running.waiting import until
from workers.watch import Watcher

pytestmark = pytest.mark.integration


def forget_task(job_id: UUID) -> None:
    """As if vCenter had forgotten the task, ten minutes after its end: its reference means nothing any more."""
    with transaction() as session:
        session.execute(text("UPDATE outside_task SET reference = 'task-0' WHERE job_id = :id"), {"id": job_id})


def still_at_work(steps: Steps) -> AbstractContextManager[None]:
    """Let no copy from `slow` end before the block does, however busy the machine is."""
    return Faults(steps.vcenter).stalled("slow", "50MB/s")


def lose(*_: object) -> str:
    raise ReplyLost("the connection broke")


def taken_from_under_it(vcenter_id: UUID) -> Watch | None:
    """Let the watch run out and be taken by another worker, unless its holder is faster and renews it."""
    with transaction() as session:
        session.execute(text("UPDATE watch_lease SET expires_at = now() - interval '1 second'"))
    return watching.take_watch(vcenter_id, "watcher")


def test_a_watcher_that_is_replaced_stops_and_its_successor_sees_the_end(steps: Steps, unused: InTurn) -> None:
    name = unused.vm("slow")
    job_id = steps.ask_vm(name, "new")
    with steps.slowly():
        steps.submit(job_id)
        watch = watching.take_watch(steps.vcenter_id, "paused")
        assert watch
        paused = Watcher(watch)
        paused.start()
        until(lambda: rows.job(job_id).progress > 0, 20, "the first watcher has seen something")
        until(lambda: taken_from_under_it(steps.vcenter_id), 5, "another one takes it over")
        paused.join(20)
        assert not paused.alive
        assert rows.tasks(job_id)[0].state == "running"
    steps.watch()
    assert steps.finish(job_id).state is JobState.SUCCEEDED
    assert steps.started(name) == 1


def test_a_watcher_goes_home_when_nothing_runs_any_more(steps: Steps, unused: InTurn) -> None:
    job_ids = [steps.ask_vm(unused.vm(), "new"), steps.ask_disk(unused.disk(), "new")]
    for job_id in job_ids:
        steps.submit(job_id)
    steps.watch()
    assert watching.unwatched_systems() == []
    assert watching.take_watch(steps.vcenter_id, "another"), "the watch was given back"
    assert [steps.finish(job_id).state for job_id in job_ids] == [JobState.SUCCEEDED] * 2


def test_what_is_submitted_while_somebody_watches_is_followed_too(steps: Steps, unused: InTurn) -> None:
    first = steps.ask_vm(unused.vm("slow"), "new")
    with steps.slowly():
        steps.submit(first)
        following = threading.Thread(target=steps.watch)
        following.start()
        until(lambda: rows.job(first).progress > 0, 20, "the watcher is at it")
        second = steps.ask_vm(unused.vm(), "new")
        steps.submit(second)
    following.join(30)
    assert [steps.finish(job_id).state for job_id in (first, second)] == [JobState.SUCCEEDED] * 2


def test_a_session_that_is_lost_meanwhile_is_made_anew(steps: Steps, unused: InTurn) -> None:
    """View, filters and collectors are gone with it; so is the one that tells of progress."""
    job_id = steps.ask_vm(unused.vm("slow"), "new")
    with steps.slowly():
        steps.submit(job_id)
        following = threading.Thread(target=steps.watch)
        following.start()
        until(lambda: rows.job(job_id).progress > 0, 20, "the watcher is at it")
        before = rows.job(job_id).progress
        assert Faults(steps.vcenter).drop_sessions()
        until(lambda: rows.job(job_id).progress > before, 20, "progress is told again")
    following.join(30)
    assert rows.tasks(job_id)[0].state == "success"
    assert steps.finish(job_id).state is JobState.SUCCEEDED


def test_progress_ends_no_long_poll(steps: Steps, unused: InTurn) -> None:
    """Law 6: percentages change all the time, and the more tasks, the more often."""
    job_id = steps.ask_vm(unused.vm("slow"), "new")
    with steps.slowly():
        steps.submit(job_id)
        [task] = rows.tasks(job_id)
        tasks = TaskWatch(session_to(steps.vcenter_id))
        assert tasks.watch([task.reference or ""]) == []
        until(lambda: tasks.wait(0) == [], 20, "its state is known")
        [first] = until(tasks.progress, 20, "its progress is told")
        [then] = until(tasks.progress, 20, "it goes on")
        assert (first.progress or 0) < (then.progress or 0)
        assert tasks.wait(0) == []
        tasks.close()
    steps.watch()
    assert steps.finish(job_id).state is JobState.SUCCEEDED


def test_a_task_that_vcenter_forgot_is_judged_by_the_disks(steps: Steps, unused: InTurn) -> None:
    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    steps.submit(job_id)
    until(lambda: steps.ledger(name).get("succeeded"), 20, "vCenter is done")
    forget_task(job_id)
    steps.watch()
    assert rows.tasks(job_id)[0].state == "vanished"
    job = steps.finish(job_id)
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert steps.started(name) == 1


def test_a_forgotten_task_whose_vm_is_still_at_work_is_not_over(steps: Steps, unused: InTurn) -> None:
    """Law 5: the watch lost the task, and the relocation goes on."""
    name = unused.vm("slow")
    job_id = steps.ask_vm(name, "new")
    with still_at_work(steps):
        steps.submit(job_id)
        forget_task(job_id)
        steps.watch()
        job = steps.finish(job_id)
        assert (job.state, job.phase) == (
            JobState.VERIFYING,
            "vCenter has forgotten the task, and something is still at work on the VM",
        )
        assert admission() != NOTHING_TAKEN
    until(lambda: steps.ledger(name).get("succeeded"), 20, "vCenter is done")
    rows.lapse_lease(job_id)
    assert steps.finish(job_id, "next worker").state is JobState.SUCCEEDED
    assert steps.started(name) == 1


@pytest.mark.parametrize("kind", ["vm", "disk"])
def test_a_forgotten_task_that_moved_nothing_is_tried_again(
    steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch, *, kind: str
) -> None:
    entity = unused.vm() if kind == "vm" else unused.disk()
    job_id = steps.ask_vm(entity, "new") if kind == "vm" else steps.ask_disk(entity, "new")
    with monkeypatch.context() as edge:
        edge.setattr(commands, "submit", lambda *_: "task-0")
        steps.submit(job_id)
    steps.watch()
    job = steps.finish(job_id)
    assert job.state is JobState.QUEUED
    [attempt] = rows.attempts(job_id)
    assert (attempt.outcome, attempt.fault) == ("retried", "TaskForgotten")
    assert "the migration did not take place: disk" in (attempt.message or "")
    assert steps.run_again(job_id).state is JobState.SUCCEEDED
    assert steps.started(entity) == 1


def test_a_relocation_that_somebody_cancels_in_vcenter_has_failed(
    steps: Steps, operator: Operator, unused: InTurn
) -> None:
    """They had a reason: it is not begun again by itself."""
    name = unused.vm("slow")
    job_id = steps.ask_vm(name, "new")
    steps.submit(job_id)
    reference = rows.tasks(job_id)[0].reference
    assert reference
    cancel_task(operator.session, reference)
    steps.watch()
    job = steps.finish(job_id)
    assert job.state is JobState.FAILED
    assert "(RequestCanceled)" in (job.error_text or "")
    assert f"disk {name} is still on slow" in (job.error_text or "")
    assert admission() == NOTHING_TAKEN


def test_somebody_elses_relocation_to_the_same_place_counts(
    steps: Steps, operator: Operator, unused: InTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our call got lost before it arrived; the task that is found on the VM is adopted, and its success is ours."""
    name = unused.vm("slow")
    job_id = steps.ask_vm(name, "new")
    with monkeypatch.context() as edge:
        edge.setattr(commands, "submit", lose)
        steps.submit(job_id)
    operator.begin_relocation(known.vm(name).moref, known.pool("new").moref)
    job = steps.take_over(job_id)
    assert job.state is JobState.SUCCEEDED
    assert rows.tasks(job_id)[0].adopted
    assert steps.started(name) == 1


def test_somebody_elses_relocation_to_another_place_does_not(
    steps: Steps, operator: Operator, unused: InTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was adopted, it succeeded, and the disks are elsewhere: ours is still to be done."""
    name = unused.vm("slow")
    job_id = steps.ask_vm(name, "new")
    with monkeypatch.context() as edge:
        edge.setattr(commands, "submit", lose)
        steps.submit(job_id)
    operator.begin_relocation(known.vm(name).moref, known.pool("gold").moref)
    job = steps.take_over(job_id)
    assert job.state is JobState.QUEUED
    assert rows.attempts(job_id)[0].fault == "DisksNotMoved"
    job = steps.run_again(job_id)
    assert job.state is JobState.SUCCEEDED
    assert known.disks(name)[0].pool.name == "new"
    assert steps.started(name) == 2
