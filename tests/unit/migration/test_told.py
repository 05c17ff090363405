"""An attempt's program as a job tells it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.hypervisors.commands import (
    Command,
    CreateWorker,
    DestroyWorker,
    DetachWorkerDisks,
    PlaceDisk,
    RelocateWorker,
    command_to_json,
)
from app.jobs.models import OutsideTask
from app.jobs.states import TaskState
from app.migration.programs import Program, Step, intent, program_to_json
from app.migration.told import WAITING, steps_told

pytestmark = pytest.mark.unit

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WORKER = UUID(int=7)
COMMANDS: tuple[Command, ...] = (
    CreateWorker(worker=WORKER, name="w", datacenter="dc", source="ds-1", target="ds-2", disk_path="[a] b.vmdk"),
    RelocateWorker(worker=WORKER, datastore="ds-2"),
    DetachWorkerDisks(worker=WORKER),
    PlaceDisk(target_path="[b] b.vmdk", datacenter="dc"),
    DestroyWorker(worker=WORKER),
)
PROGRAM = program_to_json(Program("vmware-worker-vm", COMMANDS))


def asked(sequence: int, position: int, state: TaskState, *, cleaning: bool = False, **facts: object) -> OutsideTask:
    step = Step(COMMANDS[position], position, cleaning)
    document = intent(step, [])
    return OutsideTask(sequence=sequence, state=state, command=document, progress=0, intended_at=NOON, **facts)


def told(tasks: list[OutsideTask], program: dict[str, Any] | None = PROGRAM) -> list[tuple[int, str, str]]:
    return [(step.number, step.doing, step.state) for step in steps_told(program, tasks)]


def test_before_anything_is_asked_all_of_it_waits() -> None:
    assert told([]) == [
        (1, "making a worker VM for the disk", WAITING),
        (2, "relocating the disk", WAITING),
        (3, "detaching the disk from its worker VM", WAITING),
        (4, "giving the disk its folder and name back", WAITING),
        (5, "removing the worker VM", WAITING),
    ]


def test_each_step_has_the_state_of_its_newest_task() -> None:
    tasks = [
        asked(0, 0, TaskState.ABANDONED, message="never reached"),
        asked(1, 0, TaskState.SUCCESS, settled_at=NOON),
        asked(2, 1, TaskState.RUNNING, reference="task-7"),
    ]
    first, second, third, *_ = steps_told(PROGRAM, tasks)
    assert (first.state, first.tries, first.message, first.ended) == ("success", 2, None, NOON)
    assert (second.state, second.tries, second.reference, second.began) == ("running", 1, "task-7", NOON)
    assert (third.state, third.tries, third.progress) == (WAITING, 0, None)


def test_clean_up_follows_the_program_once_a_command() -> None:
    tasks = [
        asked(0, 0, TaskState.SUCCESS),
        asked(1, 1, TaskState.ERROR, fault="FileLocked"),
        asked(2, 2, TaskState.ABANDONED, cleaning=True),
        asked(3, 2, TaskState.SUCCESS, cleaning=True),
        asked(4, 4, TaskState.RUNNING, cleaning=True),
    ]
    steps = steps_told(PROGRAM, tasks)
    assert [(step.number, step.state, step.cleaning) for step in steps] == [
        (1, "success", False),
        (2, "error", False),
        (3, WAITING, False),
        (4, WAITING, False),
        (5, WAITING, False),
        (6, "success", True),
        (7, "running", True),
    ]
    assert (steps[1].fault, steps[5].tries) == ("FileLocked", 2)


def test_an_attempt_of_a_release_without_programs_is_told_from_its_tasks() -> None:
    task = OutsideTask(
        sequence=0,
        state=TaskState.SUCCESS,
        command={"command": command_to_json(COMMANDS[1]), "disks": []},
        progress=100,
    )
    assert told([task], program=None) == [(1, "relocating the disk", "success")]
    assert told([], program=None) == []


def test_a_command_of_a_newer_release_is_told_by_its_kind() -> None:
    program = {**PROGRAM, "commands": [{"kind": "polish-disk", "with": "wax"}]}
    assert told([], program) == [(1, "polish disk", WAITING)]
