"""`vrelocate up` as its users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.running.waiting import until

START_SECONDS = 120
STOP_SECONDS = 60
_SETTINGS = ("DATABASE_URL", "REDIS_URL")


class Up:
    """One `vrelocate up` in a folder of its own."""

    def __init__(self, folder: Path, *options: str | Path) -> None:
        self.state_dir = folder / "state"
        self.ready_file = folder / "ready.json"
        self.said = folder / "said.log"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in _SETTINGS and not name.startswith("VRELOCATE_")
        }
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process
        return self._process

    def start(self, **environment: str) -> dict[str, Any]:
        """Start it, wait until it is ready, return the ready file's content."""
        self.begin(**environment)
        until(lambda: self.ready_file.exists() or self.process.poll() is not None, START_SECONDS)
        assert self.process.poll() is None, self.said.read_text(encoding="utf-8")
        return self.ready()

    def begin(self, **environment: str) -> None:
        command = [sys.executable, "-m", "app.cli.main", "up", "--state-dir", self.state_dir, "--port", "0"]
        with self.said.open("wb") as said:
            self._process = subprocess.Popen(
                [*command, "--ready-file", self.ready_file, *self._options],
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**self.environment, **environment},
            )

    def ready(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.ready_file.read_text(encoding="utf-8"))
        return content

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)
