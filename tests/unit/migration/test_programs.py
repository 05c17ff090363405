"""Programs: whatever the history of their commands, there is a next one or an end, and all is kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.hypervisors.commands import Command, CreateWorker, DestroyWorker, DetachWorkerDisks
from app.hypervisors.registry import guru_of
from app.jobs.attempts import Failure
from app.jobs.models import OutsideTask
from app.jobs.states import SETTLED, TaskState
from app.migration.programs import (
    Program,
    Step,
    intent,
    next_of_program,
    program_from_json,
    program_to_json,
    same_again,
    standing_of,
)
from app.vsphere.facts import DiskFormat
from tests.unit.any_command import commands
from tests.unit.moves import disk, move_of_disks

pytestmark = pytest.mark.unit

WORKER = UUID(int=7)
LOCKED = Failure("FileLocked", "retry", "the file is locked", retryable=True)
programs = st.builds(
    Program,
    strategy=st.text(min_size=1),
    commands=st.lists(commands, min_size=1, max_size=6).map(tuple),
    disks=st.lists(st.dictionaries(st.text(), st.integers()), max_size=3).map(tuple),
    failure=st.none() | st.just(LOCKED),
)


def task(step: Step, state: TaskState = TaskState.SUCCESS, fault: str | None = None) -> OutsideTask:
    """The row of a command that was asked for."""
    document = json.loads(json.dumps(intent(step, [{"volume_id": "1"}])))
    return OutsideTask(state=state, fault=fault, command=document)


def of_a_thin_disk() -> Program:
    answer = guru_of("VMware").finalize_migration(move_of_disks(disk(format=DiskFormat.THIN)))
    assert answer is not None
    return Program("vmware-worker-vm", tuple(answer))


def document(program: Program) -> dict[str, object]:
    kept: dict[str, object] = json.loads(json.dumps(program_to_json(program)))
    return kept


@given(programs)
def test_a_program_survives_json(program: Program) -> None:
    assert program_from_json(document(program)) == program


@given(programs, st.data())
def test_any_history_leads_to_a_next_command_or_to_the_end(program: Program, data: st.DataObject) -> None:
    """Commands are done, or asked for again; each next one is the first that was not asked for yet."""
    history: list[OutsideTask] = []
    for _ in range(3 * len(program.commands)):
        standing = standing_of(1, document(program), history)
        step = next_of_program(standing)
        if step is None:
            assert program.failure is not None or standing.asked == len(program.commands)
            return
        assert program.commands[step.position] == step.command
        assert step.position == standing.asked
        for _ in range(data.draw(st.integers(0, 2), label="tries that failed")):
            history.append(task(step, data.draw(st.sampled_from(sorted(SETTLED)))))
            step = same_again(standing_of(1, document(program), history).history[-1])
        history.append(task(step))
    assert next_of_program(standing_of(1, document(program), history)) is None


@given(programs, st.integers(0, 6))
def test_clean_up_is_the_reverse_of_what_was_asked_for(program: Program, asked: int) -> None:
    wanted = [step for command in reversed(program.commands[:asked]) for step in command.cleanup]
    assert list(program.cleanup(asked)) == wanted


def test_a_worker_is_emptied_and_then_destroyed_whatever_was_asked_for() -> None:
    program = of_a_thin_disk()
    worker = next(command.worker for command in program.commands if isinstance(command, CreateWorker))
    assert program.cleanup(0) == ()
    for asked in range(1, len(program.commands) + 1):
        assert program.cleanup(asked) == (DetachWorkerDisks(worker=worker), DestroyWorker(worker=worker))


def test_clean_up_is_no_part_of_the_program() -> None:
    program = of_a_thin_disk()
    clean_up: Sequence[Command] = program.cleanup(2)
    history = [task(Step(command, at)) for at, command in enumerate(program.commands[:2])]
    history += [task(Step(command, 2, cleaning=True)) for command in clean_up]
    standing = standing_of(1, document(program), history)
    assert standing.asked == 2
    assert standing.last is not None
    assert standing.last_of_program is not None
    assert (standing.last.command, standing.last.cleaning) == (clean_up[-1], True)
    assert standing.last_of_program.command == program.commands[1]


def test_tries_are_counted_by_kind_and_apart_from_clean_up() -> None:
    """What is filled in when a command is asked for makes it no other command."""
    empty = DetachWorkerDisks(worker=WORKER)
    filled = empty.model_copy(update={"disk_path": "[new] worker/data.vmdk"})
    history = [task(Step(empty, 2)), task(Step(filled, 2)), task(Step(filled, 3, cleaning=True))]
    standing = standing_of(1, document(of_a_thin_disk()), history)
    assert (standing.tries(empty, cleaning=False), standing.tries(empty, cleaning=True)) == (2, 1)


@pytest.mark.parametrize(
    ("state", "fault", "never"),
    [
        (TaskState.ABANDONED, None, True),
        (TaskState.ABANDONED, "FileLocked", False),
        (TaskState.VANISHED, None, False),
        (TaskState.ERROR, "FileLocked", False),
        (TaskState.SUCCESS, None, False),
    ],
)
def test_what_nobody_refused_and_nobody_got_was_never_begun(
    *, state: TaskState, fault: str | None, never: bool
) -> None:
    history = [task(Step(of_a_thin_disk().commands[0], 0), state, fault)]
    [asked] = standing_of(1, None, history).history
    assert asked.never_begun is never


def test_an_attempt_of_a_release_without_programs_is_what_it_asked_for() -> None:
    kept = task(Step(of_a_thin_disk().commands[1], 0))
    kept.command = {"command": kept.command["command"], "disks": [{"volume_id": "1"}]}
    standing = standing_of(3, None, [kept])
    assert (standing.attempt, standing.asked, len(standing.program.commands)) == (3, 1, 1)
    assert next_of_program(standing) is None
    assert standing.program.disks == ({"volume_id": "1"},)


def test_a_program_that_was_given_up_has_no_next_command() -> None:
    standing = standing_of(1, document(of_a_thin_disk()), []).failed(LOCKED)
    assert next_of_program(standing) is None
    assert program_from_json(document(standing.program)).failure == LOCKED


def test_only_a_command_that_copies_tells_which_disks_it_moves() -> None:
    create, relocate, *_ = of_a_thin_disk().commands
    disks = [{"volume_id": "1"}]
    assert intent(Step(create, 0), disks)["disks"] == []
    assert intent(Step(relocate, 1), disks)["disks"] == disks
