"""What is started stays started, until everything is stopped in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from app.devstack.processes import Pause, Process
from app.errors import ConfigurationError

HEALTHY_AFTER_SECONDS = 30
"""A process that lived this long and dies is a new incident; the next one starts at once again."""
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 15


class Stage(IntEnum):
    """The order of starting; stopping goes the other way round, so nobody loses what it leans on."""

    DATABASE = 0
    BROKER = 1
    VCENTER = 2
    API = 3
    WORKER = 4


class Service(Protocol):
    """Something that can be started again and again."""

    @property
    def name(self) -> str:
        """As reports call it."""

    def launch(self) -> Process:
        """Start it without waiting for it. Raises `ConfigurationError` or `OSError` when that is not possible now."""


@dataclass
class Backoff:
    """How long to wait before the next start: not at all at first, then twice as long each time, up to a ceiling."""

    failures: int = 0

    def next_delay(self, seconds_alive: float) -> float:
        """Return the delay in seconds after a process that lived `seconds_alive` has ended."""
        if seconds_alive >= HEALTHY_AFTER_SECONDS:
            self.failures = 0
        self.failures += 1
        if self.failures == 1:
            return 0
        return float(min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** (self.failures - 2)))


@dataclass
class Watched:
    """One service under supervision."""

    service: Service
    process: Process
    stage: Stage
    backoff: Backoff = field(default_factory=Backoff)
    restarts: int = 0
    due_at: float | None = None
    """When to start it again (`time.monotonic`); `None` while it runs."""


class Supervisor:
    """Watches processes, starts again those that end, stops all. One thread, the main one, does everything."""

    def __init__(self, report: Callable[[str], None], changed: Callable[[], None]) -> None:
        """`report` is told of every incident; `changed` is called when a process id has changed."""
        self._report = report
        self._changed = changed
        self._watched: list[Watched] = []

    def watch(self, service: Service, process: Process, stage: Stage) -> None:
        """Take over a service that has just been started."""
        self._watched.append(Watched(service, process, stage))

    def launch(self, service: Service, stage: Stage) -> Process:
        """Start a service and take it over."""
        process = service.launch()
        self.watch(service, process, stage)
        return process

    def pids(self, stage: Stage) -> list[int]:
        """Return the process ids of a stage, in the order in which they were taken over."""
        return [watched.process.pid for watched in self._watched if watched.stage is stage]

    def obituaries(self, known: str) -> list[str]:
        """Say of each process that has ended how it did and what it said last, unless `known` tells of it already."""
        ended = [watched.process for watched in self._watched if not watched.process.is_alive()]
        return [f"{it.name} {it.end()}; {it.last_words()}" for it in ended if f"{it.name} {it.end()}" not in known]

    def check(self) -> float:
        """Look at every process once; start again what is due. Return in how many seconds the next start is due."""
        changed = False
        for watched in self._watched:
            if watched.due_at is None and not watched.process.is_alive():
                self._note_end(watched)
            if watched.due_at is not None and watched.due_at <= time.monotonic():
                changed |= self._start_again(watched)
        if changed:
            self._changed()
        due = [watched.due_at for watched in self._watched if watched.due_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else LONGEST_DELAY_SECONDS

    def stop(self, wait: Pause, hurry: Callable[[], bool]) -> None:
        """Stop everything, stage by stage, those of a stage together; each has its time, then it is killed.

        `wait(seconds)` returns early when a child ends; `hurry()` tells that somebody lost patience: no more time then
        for what keeps nothing on disk.
        """
        for stage in sorted(Stage, reverse=True):
            processes = [watched.process for watched in self._watched if watched.stage is stage]
            for process in processes:
                process.ask_to_stop()
            for process in processes:
                self._see_it_end(process, wait, hurry if stage > Stage.BROKER else _never)

    def _note_end(self, watched: Watched) -> None:
        delay = watched.backoff.next_delay(watched.process.seconds_alive())
        watched.due_at = time.monotonic() + delay
        when = f"in {delay:g} s" if delay else "now"
        self._report(
            f"{watched.service.name} (pid {watched.process.pid}) {watched.process.end()}: starting it again {when}; "
            f"its log is {watched.process.program.log}"
        )

    def _start_again(self, watched: Watched) -> bool:
        try:
            watched.process = watched.service.launch()
        except (ConfigurationError, OSError) as error:
            delay = watched.backoff.next_delay(0)
            watched.due_at = time.monotonic() + delay
            self._report(f"{watched.service.name} cannot be started, trying again in {delay:g} s: {error}")
            return False
        watched.due_at = None
        watched.restarts += 1
        self._report(f"{watched.service.name} runs again as pid {watched.process.pid} (restart {watched.restarts})")
        return True

    def _see_it_end(self, process: Process, wait: Pause, hurry: Callable[[], bool]) -> None:
        deadline = time.monotonic() + process.program.stop_timeout_seconds
        while process.is_alive():
            remaining = deadline - time.monotonic()
            if remaining <= 0 or hurry():
                self._report(f"{process.name} (pid {process.pid}) is killed: it did not stop in time")
                process.kill()
                return
            wait(remaining)


def _never() -> bool:
    return False
