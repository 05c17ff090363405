"""vrelocate's own programs as children: the API, the workers, and the commands that set things up."""

from __future__ import annotations

import http.client
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.devstack.ports import LOOPBACK
from app.devstack.processes import SUCCESS, Pause, Process, Program
from app.errors import ConfigurationError

# -P: the current folder may hold an "app" of its own.
VRELOCATE = (sys.executable, "-P", "-m", "app.cli.main")

START_TIMEOUT_SECONDS = 90
COMMAND_TIMEOUT_SECONDS = 600
"""The first sync of a large vCenter is the longest."""
ANSWER_TIMEOUT_SECONDS = 2


class Api:
    """`vrelocate serve` on loopback."""

    name = "api"

    def __init__(self, port: int, *, environment: Mapping[str, str], log: Path) -> None:
        """Prepare, start nothing."""
        self.port = port
        self._program = Program(
            name=self.name,
            argv=[*VRELOCATE, "serve", "--host", LOOPBACK, "--port", str(port)],
            log=log,
            environment=environment,
            stop_timeout_seconds=10,
            # Not SIGTERM: it would wait for event streams that clients keep open.
            death_signal=signal.SIGKILL,
        )

    @property
    def url(self) -> str:
        """Where CloudStack clients connect to."""
        return f"http://{LOOPBACK}:{self.port}/client/api"

    def launch(self) -> Process:
        """Start it without waiting."""
        return Process(self._program)

    def answers(self) -> bool:
        """Tell whether `/healthz` says that it and its database are well."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=ANSWER_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Worker:
    """`vrelocate worker`, one of several."""

    def __init__(self, number: int, *, environment: Mapping[str, str], log: Path, ready_file: Path) -> None:
        """Prepare, start nothing. The worker makes `ready_file` when it consumes from the broker."""
        self.name = f"worker-{number}"
        self._ready_file = ready_file
        self._program = Program(
            name=self.name,
            argv=[*VRELOCATE, "worker", "--name", self.name],
            log=log,
            environment={**environment, "VRELOCATE_WORKER_READY_FILE": str(ready_file)},
            stop_timeout_seconds=20,  # steps last seconds; they are finished before it goes
            # Not SIGTERM: it would try to finish its steps without database and broker.
            death_signal=signal.SIGKILL,
        )

    def launch(self) -> Process:
        """Start it without waiting."""
        self._ready_file.unlink(missing_ok=True)
        return Process(self._program)

    def answers(self) -> bool:
        """Tell whether it takes work."""
        return self._ready_file.exists()


def run_command(arguments: Sequence[str], *, environment: Mapping[str, str], log: Path, pause: Pause) -> None:
    """Run `vrelocate ARGUMENT…` to its end; what it says goes to `log`.

    Raises `ConfigurationError` with its last words when it fails.
    """
    _see_it_succeed(Process(_command(arguments, environment, log)), pause)


def read_command(arguments: Sequence[str], *, environment: Mapping[str, str], log: Path, pause: Pause) -> str:
    """Run it like `run_command` and return what it printed (up to 64 KiB), which goes to no log: it may be secret."""
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as printed:
        try:
            process = Process(_command(arguments, environment, log), stdout=writing)
        finally:
            os.close(writing)
        _see_it_succeed(process, pause)
        return printed.read()


def _command(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Program:
    name = "vrelocate " + " ".join(arguments[:2])
    return Program(name=name, argv=[*VRELOCATE, *arguments], log=log, environment=environment)


def _see_it_succeed(process: Process, pause: Pause) -> None:
    end = process.wait_for_end(timeout_seconds=COMMAND_TIMEOUT_SECONDS, pause=pause)
    if end != SUCCESS:
        raise ConfigurationError(f"`{process.name}` {end}; {process.last_words()}")
