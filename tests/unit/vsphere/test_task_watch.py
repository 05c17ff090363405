"""Updates merged into snapshots, and one task that cannot be read among others that can."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from pyVmomi import vim, vmodl

from app.vsphere import task_watch
from app.vsphere.endpoint import Endpoint
from app.vsphere.errors import VCenterUnreachable
from app.vsphere.facts import FaultClass, TaskSnapshot, TaskState
from app.vsphere.session import Session
from app.vsphere.task_info import snapshot
from app.vsphere.task_watch import TaskWatch

pytestmark = pytest.mark.unit

Collector = vmodl.query.PropertyCollector


def update(moref: str, kind: str = "modify", **changes: object) -> Any:  # noqa: ANN401  # pyVmomi's ObjectUpdate
    """An ObjectUpdate; a change to None is the removal of the property."""
    return Collector.ObjectUpdate(
        obj=vim.Task(moref),
        kind=kind,
        changeSet=[
            Collector.Change(name=f"info.{name}", op="remove" if value is None else "assign", val=value)
            for name, value in changes.items()
        ],
    )


def taken_in(watch: TaskWatch, item: object) -> dict[str, TaskSnapshot]:
    """What an update adds to the next report."""
    watch._unreported.clear()
    watch._take_in(item)
    return dict(watch._unreported)


@pytest.fixture
def watch() -> TaskWatch:
    """A watch of task-1 and task-2 whose session is never used."""
    session = Session(Endpoint(url="https://vc.example.org", username="user", password=SecretStr("pass")), 60)
    watch = TaskWatch(session)
    watch._watched = {"task-1": {}, "task-2": {}}
    return watch


def test_updates_are_merged_into_whole_snapshots(watch: TaskWatch) -> None:
    queued = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    taken_in(watch, update("task-1", "enter", state="queued", cancelable=True, queueTime=queued))
    taken_in(watch, update("task-1", state="running", progress=3))
    (changed,) = taken_in(watch, update("task-1", progress=4)).values()
    assert changed == TaskSnapshot("task-1", TaskState.RUNNING, progress=4, cancelable=True, queued_at=queued)


def test_a_failure_carries_its_fault(watch: TaskWatch) -> None:
    taken_in(watch, update("task-1", "enter", state="running", progress=40))
    fault = vim.fault.FileLocked(msg="locked")
    (changed,) = taken_in(watch, update("task-1", state="error", error=fault, progress=None)).values()
    assert (changed.state, changed.progress, changed.ended) == (TaskState.ERROR, None, True)
    assert changed.fault is not None
    assert (changed.fault.name, changed.fault.classification) == ("FileLocked", FaultClass.RETRY)


def test_what_is_said_twice_is_reported_once(watch: TaskWatch) -> None:
    assert taken_in(watch, update("task-1", "enter", state="running")) != {}
    assert taken_in(watch, update("task-1", "enter", state="running")) == {}


def test_tasks_do_not_mix_and_others_are_ignored(watch: TaskWatch) -> None:
    taken_in(watch, update("task-1", "enter", state="running", progress=50))
    (other,) = taken_in(watch, update("task-2", "enter", state="queued")).values()
    assert (other.state, other.progress) == (TaskState.QUEUED, None)
    assert taken_in(watch, update("task-3", "enter", state="running")) == {}


def test_a_task_that_vcenter_forgets_is_reported_gone_once(watch: TaskWatch) -> None:
    taken_in(watch, update("task-1", "enter", state="success"))
    assert taken_in(watch, update("task-1", "leave")) == {"task-1": TaskSnapshot("task-1", TaskState.GONE)}
    assert taken_in(watch, update("task-1", "leave")) == {}


def test_times_are_utc_whatever_vcenter_sends() -> None:
    told = snapshot("task-1", {"info.state": "running", "info.startTime": datetime(2026, 3, 1, 12, 0)})  # noqa: DTZ001
    assert told.started_at == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_task_that_cannot_be_read_does_not_hide_the_others(watch: TaskWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    polled_with: list[set[str]] = []
    state = TaskState.RUNNING

    def poll(_filter: object, _patience_seconds: int) -> None:
        polled_with.append(set(watch._watched))
        if "task-1" in watch._watched:
            raise TypeError("For 'entity' expected type vim.ManagedEntity")
        watch._take_in(update("task-2", "enter", state="success"))

    def update_view(**_changes: object) -> None:
        watch._filter = task_watch._Filter(content=None, collector=None, view=None)

    monkeypatch.setattr(watch, "_poll", poll)
    monkeypatch.setattr(watch, "_update_view", update_view)
    monkeypatch.setattr(task_watch, "_destroy", lambda _content, current: current)
    monkeypatch.setattr(task_watch, "is_readable", lambda _session, moref: moref != "task-1")
    monkeypatch.setattr(task_watch, "read_task", lambda _session, moref: TaskSnapshot(moref, state))

    assert [task.moref for task in watch.wait(1)] == ["task-2"]
    assert polled_with == [{"task-1", "task-2"}, {"task-2"}]

    first = watch.wait(1)
    assert TaskSnapshot("task-1", TaskState.RUNNING) in first
    assert TaskSnapshot("task-1", TaskState.RUNNING) not in watch.wait(1)  # nothing new of it

    state = TaskState.ERROR
    assert TaskSnapshot("task-1", TaskState.ERROR) in watch.wait(1)


def test_updates_that_stay_unreadable_are_an_error_and_no_endless_loop(
    watch: TaskWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poll(_filter: object, _patience_seconds: int) -> None:
        raise KeyError("FutureFault")

    def update_view(**_changes: object) -> None:
        watch._filter = task_watch._Filter(content=None, collector=None, view=None)

    monkeypatch.setattr(watch, "_poll", poll)
    monkeypatch.setattr(watch, "_update_view", update_view)
    monkeypatch.setattr(task_watch, "_destroy", lambda _content, current: current)
    monkeypatch.setattr(task_watch, "is_readable", lambda _session, _moref: True)
    with pytest.raises(VCenterUnreachable, match="FutureFault"):
        watch.wait(1)


def test_what_came_before_a_poll_failed_is_not_lost(watch: TaskWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    updates = [update("task-1", "enter", state="success")]

    def poll(_filter: object, _patience_seconds: int) -> None:
        if updates:
            watch._take_in(updates.pop())
            raise VCenterUnreachable("the second page did not come")

    watch._filter = task_watch._Filter(content=None, collector=None, view=None)
    monkeypatch.setattr(watch, "_poll", poll)
    with pytest.raises(VCenterUnreachable, match="second page"):
        watch.wait(1)
    assert watch.wait(1) == [TaskSnapshot("task-1", TaskState.SUCCESS)]
    assert watch.wait(1) == []


def test_an_end_is_told_again_to_whoever_still_asks(watch: TaskWatch) -> None:
    ended = taken_in(watch, update("task-1", "enter", state="success"))
    taken_in(watch, update("task-2", "enter", state="running"))
    watch._unreported.clear()
    assert watch.watch(["task-1", "task-2"]) == []
    assert watch._unreported == ended


def test_a_closed_watch_waits_for_nothing(watch: TaskWatch) -> None:
    watch.close()
    assert watch.wait(1) == []
