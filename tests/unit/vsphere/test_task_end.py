"""Waiting for a task of milliseconds costs one look; only one that goes on is watched."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from app.vsphere import task_end
from app.vsphere.endpoint import Endpoint
from app.vsphere.facts import TaskSnapshot, TaskState
from app.vsphere.session import Session

SESSION = Session(Endpoint("https://vcenter.invalid", "u", SecretStr("p")), 1)
ENDED = TaskSnapshot("task-1", TaskState.SUCCESS)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were watched; each watch sees the end."""
    seen: list[str] = []

    def ends_of(_session: Session, tasks: list[str], *, timeout_seconds: float) -> dict[str, TaskSnapshot]:
        assert timeout_seconds == SESSION.timeout_seconds
        seen.extend(tasks)
        return dict.fromkeys(tasks, ENDED)

    monkeypatch.setattr(task_end, "ends_of", ends_of)
    return seen


@pytest.mark.parametrize("state", [TaskState.SUCCESS, TaskState.ERROR])
def test_one_that_is_over_is_not_watched(monkeypatch: pytest.MonkeyPatch, watched: list[str], state: TaskState) -> None:
    over = TaskSnapshot("task-1", state)
    monkeypatch.setattr(task_end, "read_task", lambda _session, _task: over)
    assert task_end.end_of(SESSION, "task-1") == over
    assert watched == []


def test_one_that_is_forgotten_is_gone(monkeypatch: pytest.MonkeyPatch, watched: list[str]) -> None:
    monkeypatch.setattr(task_end, "read_task", lambda _session, _task: None)
    assert task_end.end_of(SESSION, "task-1") == TaskSnapshot("task-1", TaskState.GONE)
    assert watched == []


@pytest.mark.parametrize("state", [TaskState.QUEUED, TaskState.RUNNING])
def test_one_that_goes_on_is_watched(monkeypatch: pytest.MonkeyPatch, watched: list[str], state: TaskState) -> None:
    monkeypatch.setattr(task_end, "read_task", lambda _session, _task: TaskSnapshot("task-1", state))
    assert task_end.end_of(SESSION, "task-1") == ENDED
    assert watched == ["task-1"]
