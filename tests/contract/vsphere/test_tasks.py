"""Tasks read one by one, and many of them followed by one long poll."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.vsphere.collector import property_spec, retrieve
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.facts import FaultClass, TaskSnapshot, TaskState, VirtualMachine
from app.vsphere.pyvmomi import vim, vmodl
from app.vsphere.session import Session
from app.vsphere.tasks import TaskWatch, cancel_task, read_task, running_tasks_of

pytestmark = pytest.mark.contract

NO_TASK = "task-987654"
END_SECONDS = 30

Collector = vmodl.query.PropertyCollector


@pytest.fixture
def watch(session: Session) -> Iterator[TaskWatch]:
    watch = TaskWatch(session)
    yield watch
    watch.close()


def switch(session: Session, vm: VirtualMachine, *, on: bool) -> str:
    """Start a short task, which fails if the VM is that way already; its reference."""

    def start(_content: object) -> str:
        machine = session.moref("VirtualMachine", vm.moref)
        return str((machine.PowerOnVM_Task() if on else machine.PowerOffVM_Task())._moId)

    return session.call(start, idempotent=False)


def until_ended(watch: TaskWatch, tasks: set[str]) -> dict[str, TaskSnapshot]:
    latest: dict[str, TaskSnapshot] = {}
    deadline = time.monotonic() + END_SECONDS
    while not all(task in latest and latest[task].ended for task in tasks):
        assert time.monotonic() < deadline, f"no end of {tasks}: {latest}"
        latest |= {task.moref: task for task in watch.wait(2)}
    return latest


def test_an_unknown_task_is_none_and_gone(session: Session, watch: TaskWatch) -> None:
    assert read_task(session, NO_TASK) is None
    assert watch.watch([NO_TASK]) == [NO_TASK]
    assert watch.wait(1) == []
    cancel_task(session, NO_TASK)


def test_a_task_is_read_and_followed_alike(
    session: Session, watch: TaskWatch, machines: dict[str, VirtualMachine]
) -> None:
    task = switch(session, machines["DC0_C0_RP0_VM0"], on=True)
    assert watch.watch([task]) == []
    ended = until_ended(watch, {task})[task]
    assert ended == TaskSnapshot(task, TaskState.SUCCESS)  # the watch tells of states alone
    read = read_task(session, task)
    assert read is not None
    assert (read.state, read.fault) == (ended.state, ended.fault)
    assert read.queued_at is not None
    assert read.completed_at is not None
    assert read.queued_at <= read.completed_at
    cancel_task(session, task)  # too late, and no error


def test_a_failed_task_says_why(
    session: Session, follow: Callable[[str], list[TaskSnapshot]], machines: dict[str, VirtualMachine]
) -> None:
    failed = follow(switch(session, machines["DC0_C0_RP0_VM1"], on=False))[-1]  # it is off already
    assert failed.state is TaskState.ERROR
    assert failed.fault is not None
    assert (failed.fault.name, failed.fault.classification) == ("InvalidPowerState", FaultClass.PERMANENT)


def test_many_tasks_and_an_unknown_one_in_one_watch(
    session: Session, watch: TaskWatch, machines: dict[str, VirtualMachine]
) -> None:
    tasks: set[str] = set()
    earlier = TaskWatch(session)
    for turn in range(26):  # more than vCenter sends in one update (100); a VM takes one task at a time
        begun = {switch(session, vm, on=bool(turn % 2)) for vm in machines.values()}
        earlier.watch(begun)
        until_ended(earlier, begun)
        tasks |= begun
    earlier.close()
    assert watch.watch([*tasks, NO_TASK]) == [NO_TASK]
    assert set(until_ended(watch, tasks)) == tasks
    assert watch.wait(1) == []


def test_what_is_watched_later_joins_and_what_is_not_watched_any_more_leaves(
    session: Session, watch: TaskWatch, machines: dict[str, VirtualMachine]
) -> None:
    first = switch(session, machines["DC0_C0_RP0_VM0"], on=False)
    watch.watch([first])
    until_ended(watch, {first})
    watch.unwatch([first])
    second = switch(session, machines["DC0_C0_RP0_VM0"], on=True)
    assert watch.watch([second]) == []
    assert set(until_ended(watch, {second})) == {second}


def test_what_is_watched_meanwhile_ends_a_wait_that_is_under_way(
    session: Session, watch: TaskWatch, machines: dict[str, VirtualMachine]
) -> None:
    """What has just begun need not wait for the end of a long poll."""
    watch.watch([NO_TASK])
    watch.wait(0)
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(watch.wait, END_SECONDS)
        task = switch(session, machines["DC0_C0_RP0_VM2"], on=True)
        assert watch.watch([task]) == []
        assert [it.moref for it in waiting.result(END_SECONDS / 2)] == [task]


def test_progress_is_asked_for_by_itself(
    session: Session, watch: TaskWatch, machines: dict[str, VirtualMachine]
) -> None:
    task = switch(session, machines["DC0_C0_RP0_VM1"], on=True)
    assert watch.progress() == []
    watch.watch([task])
    until_ended(watch, {task})
    assert watch.progress() == [], "what has ended is told by its end"
    session.content.sessionManager.Logout()
    assert watch.progress() == [], "what the lost session had is made anew by the next wait"
    assert [it.moref for it in watch.wait(2)] == [task]


def test_a_lost_session_is_survived_and_everything_reported_again(
    session: Session, watch: TaskWatch, machines: dict[str, VirtualMachine]
) -> None:
    tasks = {switch(session, vm, on=False) for vm in machines.values()}
    watch.watch(tasks)
    before = until_ended(watch, tasks)
    session.content.sessionManager.Logout()
    assert {task.moref: task for task in watch.wait(2)} == before
    session.content.sessionManager.Logout()
    joined = switch(session, machines["DC0_C0_RP0_VM0"], on=True)
    assert watch.watch([joined]) == []
    assert joined in until_ended(watch, {joined})


def test_a_watch_gives_back_what_it_holds(session: Session) -> None:
    watch = TaskWatch(session)
    watch.watch([NO_TASK])
    current = watch._filter
    assert current is not None
    watch.close()
    assert watch.wait(1) == []
    with pytest.raises(ManagedObjectGone):
        retrieve(session, "PropertyCollector", current.collector._moId, [property_spec(Collector, ["filter"])])
    with pytest.raises(ManagedObjectGone):
        retrieve(session, "ListView", current.view._moId, [property_spec(vim.view.ListView, ["view"])])


def test_an_idle_vm_runs_no_task_and_an_unknown_vm_is_an_error(
    session: Session, machines: dict[str, VirtualMachine]
) -> None:
    assert running_tasks_of(session, machines["DC0_C0_RP0_VM3"].moref) == []
    with pytest.raises(ManagedObjectGone, match="vm-987654"):
        running_tasks_of(session, "vm-987654")
