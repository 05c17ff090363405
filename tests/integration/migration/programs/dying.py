"""A worker dies at any moment between two of the lines that matter: what it does outside of itself, it does there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from app.jobs import leases, outside
from app.migration import commands, outcomes, submit, verify
from tests.integration.migration.steps import Killed

EDGES: dict[str, tuple[object, str]] = {
    "before an intent": (outside, "intend"),
    "between an intent and its call": (commands, "submit"),
    "between a call and its reference": (outside, "submitted"),
    "before it looks for a command": (commands, "look"),
    "before it looks at the end": (verify, "look"),
    "before it succeeds": (outcomes, "succeed"),
    "as soon as it has the job": (submit, "session_to"),
    "while the job changes its state": (leases, "move"),
}


@dataclass
class Death:
    """Strikes when a function is called for the n-th time, once."""

    at: int
    seen: int = 0

    @property
    def came(self) -> bool:
        return self.seen > self.at

    def guard(self, function: Callable[..., object]) -> Callable[..., object]:
        def dies(*arguments: object, **named: object) -> object:
            self.seen += 1
            if self.seen == self.at + 1:
                raise Killed
            return function(*arguments, **named)

        return dies


def dying(monkeypatch: pytest.MonkeyPatch, edge: str, at: int) -> Death:
    """Let the worker die when it comes to an edge for the n-th time, `at` being n - 1."""
    where, function = EDGES[edge]
    death = Death(at)
    monkeypatch.setattr(where, function, death.guard(getattr(where, function)))
    return death
