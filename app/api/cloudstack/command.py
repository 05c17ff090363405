"""What a command is: its declaration, which validates calls and describes itself, and the function that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.access.keys import Caller
from app.access.sessions import Credentials
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.parameters import Arguments, Kind, Parameter
from app.api.cloudstack.shapes import Shape


@dataclass(frozen=True)
class Call:
    """One call of a command: who calls, with what, and what else is served here."""

    caller: Caller
    arguments: Arguments
    served: Mapping[str, Command]
    shown: Credentials | None = None
    """What the caller is known by if it is a session, which may have just begun."""


@dataclass(frozen=True)
class Command:
    """A command that the endpoint serves."""

    name: str
    """CloudStack's own: `migrateVolume`."""
    description: str
    parameters: tuple[Parameter, ...]
    response: Shape[Any]
    """What it gives; an asynchronous command gives a job's id, and this in the job's result."""
    run: Callable[[Call], Content]
    is_async: bool


CUSTOM_JOB_ID = Parameter(
    "customjobid", Kind.STRING, "the UUID that the job shall have; the same one twice gives the same job"
)
"""CloudStack's name for it (`ApiConstants.CUSTOM_JOB_ID`); every asynchronous command takes it."""


def command(
    name: str,
    description: str,
    *,
    response: Shape[Any],
    parameters: tuple[Parameter, ...] = (),
    is_async: bool = False,
) -> Callable[[Callable[[Call], Content]], Command]:
    """Declare the decorated function to be what answers the command `name`."""
    every = (*parameters, CUSTOM_JOB_ID) if is_async else parameters

    def declare(run: Callable[[Call], Content]) -> Command:
        return Command(name, description, every, response, run, is_async)

    return declare
