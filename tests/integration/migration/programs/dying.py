"""A worker dies at any moment between two of the lines that matter: what it does outside of itself, it does there."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

import app
from app.db import transaction
from app.inventory.vcenters import Way
from app.jobs import leases, outside
from app.migration import commands, outcomes, verify
from tests.integration.migration.steps import Killed

Edges = Mapping[str, tuple[object, str]]

EDGES: Edges = {
    "before an intent": (outside, "intend"),
    "between an intent and its call": (commands, "submit"),
    "between a call and its reference": (outside, "submitted"),
    "before it looks for a command": (commands, "look"),
    "before it looks at the end": (verify, "look"),
    "before it succeeds": (outcomes, "succeed"),
    "as soon as it has the job": (Way, "open"),
    "while the job changes its state": (leases, "move"),
}

_MOST_DEATHS = 100
_OURS = str(Path(app.__file__ or "").parent)
_STEP = verify.conclude.__qualname__
"""One step also goes on with the next one at once: where it is within that one is the same for both."""
_WRITTEN = """
    SELECT state,
           (SELECT array_agg((command #>> '{command,kind}') ||
                             CASE WHEN state IN ('intended', 'queued', 'running') THEN ' ' || state ELSE '' END
                             ORDER BY attempt, sequence)
              FROM outside_task WHERE job_id = job.id AND (state <> 'abandoned' OR fault IS NOT NULL)),
           (SELECT array_agg(phase ORDER BY phase) FROM transfer WHERE job_id = job.id)
      FROM job WHERE id = :id
"""
"""What has come of a job so far; an intent that came to nothing is as none. However often workers die, it is finite."""


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


@dataclass(frozen=True)
class Moment:
    """When a worker comes to an edge: by all that makes it another moment for whoever comes next."""

    place: tuple[str, ...]
    """From which lines of ours, the innermost first."""
    written: str
    """What the job has written down by then."""
    file: int
    """Which one of the files that are treated there, by number."""
    time: int
    """How often this worker has come to just that, this time included."""


@dataclass
class Life:
    """The moments that the workers of one job come to, one worker after the other."""

    job_id: UUID
    deadly: bool
    """Each dies when it comes to a moment where none before it has died: one death a moment, so this ends."""
    came_to: dict[str, list[Moment]] = field(default_factory=dict)
    """Edge → moments, in order."""
    _times: Counter[tuple[object, ...]] = field(default_factory=Counter)
    _files: dict[str, list[str]] = field(default_factory=dict)

    def missed(self, undisturbed: Life, edge: str) -> list[Moment]:
        """Return the moments of a life without deaths that nobody of this one came to."""
        return [moment for moment in undisturbed.came_to[edge] if moment not in self.came_to[edge]]

    @contextmanager
    def at(self, edges: Edges) -> Iterator[None]:
        """Note, or die at, what is come to there."""
        with pytest.MonkeyPatch.context() as patch:
            for edge, (where, function) in edges.items():
                patch.setattr(where, function, self._guard(edge, getattr(where, function)))
            yield

    def to_its_end(self, run: Callable[[], object]) -> None:
        """Run the job until somebody lives."""
        for _ in range(_MOST_DEATHS):
            with suppress(Killed):
                run()
                return
        raise AssertionError(f"{_MOST_DEATHS} workers died: {self.came_to}")

    def _guard(self, edge: str, function: Callable[..., object]) -> Callable[..., object]:
        met, self._files[edge] = self.came_to.setdefault(edge, []), []

        def guarded(*arguments: object, **named: object) -> object:
            moment = self._moment(edge, arguments)
            if moment not in met:
                met.append(moment)
                if self.deadly:
                    self._times.clear()
                    raise Killed
            return function(*arguments, **named)

        return guarded

    def _moment(self, edge: str, arguments: tuple[object, ...]) -> Moment:
        with transaction() as session:
            written = str(tuple(session.execute(text(_WRITTEN), {"id": self.job_id}).one()))
        file, files = next((it for it in arguments if isinstance(it, str) and "/" in it), ""), self._files[edge]
        if file not in files:
            files.append(file)
        place, number = _place(), files.index(file)
        self._times[edge, place, written, number] += 1
        return Moment(place, written, number, self._times[edge, place, written, number])


def _place() -> tuple[str, ...]:
    """Return the lines of ours that lead here, within the step that is done."""
    found, frame = [], sys._getframe(1).f_back
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(_OURS):
            found.append(f"{code.co_qualname}:{frame.f_lineno}")
            if code.co_qualname == _STEP:
                break
        frame = frame.f_back
    return tuple(found)
