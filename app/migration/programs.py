"""Programs: the commands of one attempt, one after the other, and where the attempt stands in them.

An attempt's program is written down with its strategy before the first command is asked for, so whoever takes the job
over goes on with it, and `vrelocate jobs show` tells it. Which command is next follows from the outside tasks alone;
whether one that is over did what it should follows from looking (law 4), which is not done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.db import Json
from app.hypervisors.commands import Command, command_from_json, command_to_json
from app.jobs.attempts import Failure
from app.jobs.models import OutsideTask
from app.jobs.states import TaskState


@dataclass(frozen=True)
class Program:
    """What a strategy does for one move."""

    strategy: str
    commands: tuple[Command, ...]
    disks: tuple[Json, ...] = ()
    """What moves, for the record and for the result."""
    failure: Failure | None = None
    """Why the rest of it is not carried out; what it has left behind is cleaned up."""

    def cleanup(self, asked: int) -> tuple[Command, ...]:
        """Return what is to be cleaned up when its first `asked` commands have been asked for, the last one's first."""
        return tuple(step for command in reversed(self.commands[:asked]) for step in command.cleanup)


def program_to_json(program: Program) -> Json:
    """Return the program as an attempt keeps it."""
    failure = program.failure
    return {
        "strategy": program.strategy,
        "commands": [command_to_json(command) for command in program.commands],
        "disks": list(program.disks),
        "failure": vars(failure) if failure else None,
    }


def program_from_json(document: Json) -> Program:
    """Read what `program_to_json` wrote, perhaps another release's."""
    failure = document.get("failure")
    return Program(
        strategy=document["strategy"],
        commands=tuple(command_from_json(it) for it in document["commands"]),
        disks=tuple(document["disks"]),
        failure=Failure(**failure) if failure else None,
    )


@dataclass(frozen=True)
class Asked:
    """A command of an attempt that was asked for, or was about to be."""

    task: OutsideTask
    command: Command
    position: int
    """In the program's commands; of a clean-up, the number of them that had been asked for."""
    cleaning: bool

    @property
    def never_begun(self) -> bool:
        """Say whether vCenter was not reached with it, or was never asked: nobody has refused it."""
        return self.task.state is TaskState.ABANDONED and self.task.fault is None

    @classmethod
    def of(cls, task: OutsideTask) -> Asked:
        """Read what `intent` wrote; one of a release without programs was a program of one command."""
        document = task.command
        return cls(
            task=task,
            command=command_from_json(document["command"]),
            position=document.get("position", 0),
            cleaning=document.get("cleaning", False),
        )


@dataclass(frozen=True)
class Standing:
    """Where an attempt stands."""

    attempt: int
    program: Program
    history: tuple[Asked, ...] = field(default=())

    @property
    def last(self) -> Asked | None:
        """The command that was asked for last."""
        return self.history[-1] if self.history else None

    @property
    def asked(self) -> int:
        """How many of the program's commands have been asked for."""
        return max((it.position + 1 for it in self.history if not it.cleaning), default=0)

    @property
    def last_of_program(self) -> Asked | None:
        """The newest of the program's own commands; clean-up does not count."""
        return next((it for it in reversed(self.history) if not it.cleaning), None)

    def tries(self, command: Command, *, cleaning: bool) -> int:
        """Return how often a command was asked for."""
        # By kind, of which a program has one each: what was filled in when it was asked for makes it no other command.
        return sum(it.cleaning is cleaning and it.command.kind == command.kind for it in self.history)

    def failed(self, failure: Failure) -> Standing:
        """Return the same with the program given up."""
        return replace(self, program=replace(self.program, failure=failure))


@dataclass(frozen=True)
class Step:
    """The next command to be asked for."""

    command: Command
    position: int
    cleaning: bool = False


def standing_of(number: int, program: Json | None, tasks: Sequence[OutsideTask]) -> Standing:
    """Return where attempt `number` stands; `program` is what it keeps, `tasks` its outside tasks in order."""
    history = tuple(Asked.of(task) for task in tasks)
    if program is None:
        # Begun by a release without programs: what was asked for is all of it.
        commands = tuple(it.command for it in history)
        disks = tuple(disk for task in tasks for disk in task.command["disks"])
        return Standing(number, Program(strategy="", commands=commands, disks=disks), history)
    return Standing(number, program_from_json(program), history)


def next_of_program(standing: Standing) -> Step | None:
    """Return the command after the last one, which is done; `None` when the program is over or given up."""
    at = standing.asked
    if standing.program.failure is not None or at >= len(standing.program.commands):
        return None
    return Step(standing.program.commands[at], at)


def same_again(asked: Asked) -> Step:
    """Return a command to be asked for once more."""
    return Step(asked.command, asked.position, asked.cleaning)


def intent(step: Step, disks: Sequence[Json]) -> Json:
    """Return what an outside task keeps of a step: enough to look, to adopt, to ask again, to tell what it was for."""
    return {
        "command": command_to_json(step.command),
        "disks": list(disks) if step.command.copies else [],
        "position": step.position,
        "cleaning": step.cleaning,
        "doing": step.command.doing,
        "copies": step.command.copies,
    }
