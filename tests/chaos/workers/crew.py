"""Real worker processes, started, killed, paused and drained by a test."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from app.devstack.processes import Process
from app.devstack.programs import Worker

START_SECONDS = 60


class Crew:
    """The workers of one installation; all that is left of them ends with the test."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment, "VRELOCATE_LOG_FORMAT": "text"}
        self._started: list[tuple[Worker, Process]] = []

    def begin(self, count: int) -> list[Process]:
        """Start workers without waiting for them."""
        fresh = []
        for _ in range(count):
            number = len(self._started) + 1
            worker = Worker(
                number,
                environment=self._environment,
                log=self._folder / f"worker-{number}.log",
                ready_file=self._folder / f"worker-{number}.ready",
            )
            self._started.append((worker, worker.launch()))
            fresh.append(self._started[-1][1])
        return fresh

    def start(self, count: int) -> list[Process]:
        """Start workers and wait until each takes work."""
        fresh = self.begin(count)
        for worker, process in self._started[-count:]:
            process.wait_until(worker.answers, timeout_seconds=START_SECONDS)
        return fresh

    @property
    def alive(self) -> list[Process]:
        return [process for _, process in self._started if process.is_alive()]

    def named(self, lease_owner: str) -> Process:
        """The worker that calls itself so in its leases: `worker-1@host:pid:…`."""
        [found] = [process for _, process in self._started if f":{process.pid}:" in lease_owner]
        return found

    def kill_all(self) -> None:
        """SIGKILL to every one of them, all before any is waited for."""
        doomed = self.alive
        for process in doomed:
            os.kill(process.pid, signal.SIGKILL)
        for process in doomed:
            process.kill()

    def said(self) -> str:
        """All that they have written, for the report of a test that fails."""
        return "\n".join(f"--- {process.name}\n{process.output()}" for _, process in self._started)
