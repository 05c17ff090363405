"""What looking for a command's effect can find (law 3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StillRunning:
    """A task is at work on the entity: follow it instead of submitting another."""

    reference: str


@dataclass(frozen=True)
class Done:
    """Everything the command asked for is so."""


@dataclass(frozen=True)
class NotStarted:
    """Nothing of it is to be seen: it may be submitted."""


@dataclass(frozen=True)
class Unclear:
    """It cannot be told yet; the text says what was seen."""

    what_was_seen: str


Finding = StillRunning | Done | NotStarted | Unclear
