"""An attempt's program as a job tells it: each of its commands in words, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from app.db import Json
from app.hypervisors.commands import command_from_json
from app.jobs.models import OutsideTask

WAITING = "waiting"
"""The state of a step that was not asked for, by now or ever."""


@dataclass(frozen=True)
class ToldStep:
    """One command of a program, or of its clean-up."""

    number: int
    """From 1; a clean-up goes on counting."""
    doing: str
    """`relocating`."""
    state: str
    """`waiting`, or the state of its newest task: `intended`, `queued`, `running`, `success`, `error`, …"""
    cleaning: bool = False
    tries: int = 0
    """How often it was asked for."""
    progress: int | None = None
    """Percent; `None` before it was asked for."""
    reference: str | None = None
    """vCenter's own name of the task."""
    fault: str | None = None
    message: str | None = None
    began: datetime | None = None
    ended: datetime | None = None
    stop_asked: datetime | None = None
    """When vCenter was last asked to cancel it."""
    stop_refused: str | None = None
    """Why it cannot be cancelled."""


def steps_told(program: Json | None, tasks: Sequence[OutsideTask]) -> list[ToldStep]:
    """Return the steps of an attempt: those of its program in their order, then the clean-up as it was asked for.

    `program` is what the attempt keeps, `None` of a release without programs; `tasks` are its outside tasks in order.
    """
    asked: dict[int, list[OutsideTask]] = {}
    for task in tasks:
        if not task.command.get("cleaning"):
            asked.setdefault(task.command.get("position", 0), []).append(task)
    if program is not None:
        commands = dict(enumerate(program["commands"]))
    else:
        commands = {position: asked[position][-1].command["command"] for position in sorted(asked)}
    told = [
        _step(number, command, asked.get(position, []))
        for number, (position, command) in enumerate(commands.items(), start=1)
    ]
    return [*told, *_cleaning(tasks, after=len(told))]


def _cleaning(tasks: Sequence[OutsideTask], after: int) -> Iterator[ToldStep]:
    """Tell clean-up command by command; one that was asked for again is told once."""
    by_kind: dict[str, list[OutsideTask]] = {}
    for task in tasks:
        if task.command.get("cleaning"):
            by_kind.setdefault(task.command["command"]["kind"], []).append(task)
    for number, asked in enumerate(by_kind.values(), start=after + 1):
        yield _step(number, asked[-1].command["command"], asked, cleaning=True)


def _step(number: int, command: Json, asked: Sequence[OutsideTask], *, cleaning: bool = False) -> ToldStep:
    if not asked:
        return ToldStep(number, _doing(command), WAITING, cleaning)
    newest = asked[-1]
    return ToldStep(
        number=number,
        doing=newest.command.get("doing") or _doing(command),
        state=newest.state.value,
        cleaning=cleaning,
        tries=len(asked),
        progress=newest.progress,
        reference=newest.reference,
        fault=newest.fault,
        message=newest.message,
        began=asked[0].intended_at,
        ended=newest.settled_at,
        stop_asked=newest.stop_asked_at,
        stop_refused=newest.stop_refused,
    )


def _doing(command: Json) -> str:
    try:
        return command_from_json(command).doing
    except ValidationError:
        # Written by a newer release, with whose workers this one works during an upgrade.
        return str(command.get("kind", "?")).replace("-", " ")
