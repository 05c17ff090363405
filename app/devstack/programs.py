"""vrelocate's own programs as children: the API and the workers; the commands that set things up are `commands`'."""

from __future__ import annotations

import http.client
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from app.devstack.ports import LOOPBACK
from app.devstack.processes import Process, Program

# -P: the current folder may hold an "app" of its own.
VRELOCATE = (sys.executable, "-P", "-m", "app.cli.main")

START_TIMEOUT_SECONDS = 90
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
