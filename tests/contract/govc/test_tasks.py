"""Tasks, events and sessions: tasks, task.cancel, events, session.ls, session.rm, session.logout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.running.govc import END_SECONDS, Govc
from tests.running.waiting import until

pytestmark = pytest.mark.contract


def recent(govc: Govc, vm: str) -> list[str]:
    """Return the references of a VM's recent tasks."""
    return [f"Task:{task['value']}" for task in govc.property(f"vm/{vm}", "recentTask") or []]


def test_tasks(govc: Govc) -> None:
    govc("vm.power", "-on", "vm-01")
    header, *rows = govc("tasks", "-n", "50").splitlines()
    assert header.split()[:3] == ["Task", "Target", "Initiator"]
    assert any("PowerOn" in row and "success" in row for row in rows)


def test_tasks_of_one_object(govc: Govc) -> None:
    govc("vm.power", "-on", "vm-02")
    govc("vm.power", "-off", "vm-02")
    told = govc("tasks", "vm/vm-02")
    assert told.index("PowerOn") < told.index("PowerOff")
    assert "vm-01" not in told


def test_a_task_names_its_target_and_who_began_it(govc: Govc) -> None:
    govc("vm.migrate", "-ds", "ds-2", "vm-03")
    (row,) = [row for row in govc("tasks", "-l", "vm/vm-03").splitlines() if "relocate" in row.lower()]
    assert "vm-03" in row.split()
    assert govc.vcenter.username in row


def test_every_task_names_its_target_and_who_began_it(govc: Govc) -> None:
    govc("vm.power", "-on", "vm-08")
    (row,) = [row for row in govc("tasks", "vm/vm-08").splitlines() if "PowerOn" in row]
    assert "vm-08" in row.split()
    assert govc.vcenter.username in row


def test_a_task_that_failed_says_so(govc: Govc) -> None:
    govc.refused("vm.power", "-off", "vm-04")
    states = [govc.property(task, "info.state") for task in recent(govc, "vm-04")]
    assert states[-1] == "error"
    assert any("PowerOff" in row and "success" not in row for row in govc("tasks", "vm/vm-04").splitlines())


def test_task_cancel(govc: Govc) -> None:
    with govc.start("vm.migrate", "-ds", "ds-2", "endless") as moving:
        found = until(lambda: recent(govc, "endless") or moving.poll() is not None, END_SECONDS)
        assert isinstance(found, list), "the migration ended before it could be cancelled"
        govc("task.cancel", found[-1].removeprefix("Task:"))
        said, _ = moving.communicate(timeout=END_SECONDS)
    assert moving.returncode != 0
    assert "cancel" in said.lower()
    assert govc.property(found[-1], "info.state") == "error"
    assert govc.property(found[-1], "info.cancelled") is True
    assert govc.disks("endless") == ["[ds-1] endless/endless.vmdk"]
    assert "endless" not in govc.files("ds-2"), "what was copied is gone"


def test_a_second_operation_on_a_vm_that_moves_is_refused(govc: Govc) -> None:
    with govc.start("vm.migrate", "-ds", "ds-3", "endless") as moving:
        until(lambda: _is_running(govc, "endless") or moving.poll() is not None, END_SECONDS)
        assert moving.poll() is None, "the migration ended before another could be begun"
        refused = govc.refused("vm.migrate", "-ds", "ds-2", "endless")
        govc("task.cancel", recent(govc, "endless")[-1].removeprefix("Task:"))
        moving.communicate(timeout=END_SECONDS)
    assert "progress" in refused, refused


def _is_running(govc: Govc, vm: str) -> bool:
    return any(govc.property(task, "info.state") == "running" for task in recent(govc, vm))


def test_task_cancel_comes_too_late(govc: Govc) -> None:
    govc("vm.power", "-on", "vm-05")
    task = recent(govc, "vm-05")[-1]
    govc.refused("task.cancel", task.removeprefix("Task:"))
    assert govc.property(task, "info.state") == "success"


def test_events(govc: Govc) -> None:
    govc("vm.power", "-on", "vm-06")
    said = govc("events", "vm/vm-06")
    assert "vm-06" in said
    kinds = [line.split("] ")[3].strip("[") for line in govc("events", "-l", "vm/vm-06").splitlines()]
    assert "VmPoweredOnEvent" in kinds
    assert len(govc("events", "-n", "1", "vm/vm-06").splitlines()) == 1
    assert "powered" in govc("events", "-type", "VmPoweredOnEvent", "vm/vm-06").lower()


def test_a_migration_is_an_event(govc: Govc) -> None:
    govc("vm.migrate", "-ds", "ds-2", "vm-07")
    kinds = {line.split("] ")[3].strip("[") for line in govc("events", "-l", "vm/vm-07").splitlines()}
    assert {"VmBeingRelocatedEvent", "VmRelocatedEvent"} <= kinds


@pytest.fixture
def other(govc: Govc, tmp_path: Path) -> Govc:
    """The same vCenter, asked in another session."""
    return replace(govc, home=tmp_path)


def sessions(govc: Govc) -> set[str]:
    return {line.split()[0] for line in govc("session.ls").splitlines()[1:]}


def test_session_ls(govc: Govc, other: Govc) -> None:
    mine = sessions(govc)
    assert mine == sessions(govc), "commands share their session"
    theirs = sessions(other)
    assert len(theirs - mine) == 1
    row = next(line for line in govc("session.ls").splitlines() if (theirs - mine).pop() in line)
    assert govc.vcenter.username in row
    assert "govc/" in row


def test_session_rm(govc: Govc, other: Govc) -> None:
    mine = sessions(govc)
    (theirs,) = sessions(other) - mine
    govc("session.rm", theirs)
    assert theirs not in sessions(govc)
    assert other("about"), "govc logs in again"
    assert theirs not in sessions(govc)
    govc.refused("session.rm", theirs)


def test_session_logout(govc: Govc, other: Govc) -> None:
    mine = sessions(govc)
    (theirs,) = sessions(other) - mine
    other("session.logout")
    assert theirs not in sessions(govc)


def test_a_wrong_password_is_refused(govc: Govc, tmp_path: Path) -> None:
    stranger = replace(govc, vcenter=replace(govc.vcenter, password="wrong"), home=tmp_path)
    assert "login" in stranger.refused("about").lower()
