"""Commands of vrelocate, carried out one after the other by one child: see `app.cli.several`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.devstack.processes import POLL_SECONDS, Pause, Process, Program
from app.errors import ConfigurationError

# -P: the current folder may hold an "app" of its own.
SEVERAL = (sys.executable, "-P", "-m", "app.cli.several")

COMMAND_TIMEOUT_SECONDS = 600
"""The first sync of a large vCenter is the longest."""
ENDING_SECONDS = 10
"""From the last word of a process to its end."""
_MOST_BYTES = 65536


class Commands:
    """One process that carries out commands; use it as a context, it is killed at the end."""

    def __init__(self, environment: Mapping[str, str], log: Path, pause: Pause) -> None:
        """Start it. `environment` is that of every vrelocate process; `log` takes what the commands say."""
        self._pause = pause
        theirs, requests = os.pipe()
        answers, theirs_too = os.pipe()
        try:
            program = Program(name="vrelocate", argv=SEVERAL, log=log, environment=environment)
            self._process = Process(program, stdin=theirs, stdout=theirs_too)
        except BaseException:
            os.close(requests)
            os.close(answers)
            raise
        finally:
            os.close(theirs)
            os.close(theirs_too)
        os.set_blocking(answers, False)
        self._requests, self._answers = requests, answers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        os.close(self._requests)
        os.close(self._answers)

    def run(self, arguments: Sequence[str], private: Mapping[str, str] | None = None) -> str:
        """Carry out `vrelocate ARGUMENT…`; return what it printed, which goes to no log: it may be secret.

        `private` is added to this command's environment. Raises `ConfigurationError` with its last words when it fails.
        """
        self._process.begin_new_page()
        request = {"arguments": list(arguments), "environment": dict(private or {})}
        with suppress(BrokenPipeError):  # it has ended, as the missing answer tells
            os.write(self._requests, f"{json.dumps(request)}\n".encode())
        answer = self._answer()
        end = self._process.end() if answer is None else f"exited with status {answer['status']}"
        if answer is None or answer["status"] != 0:
            raise ConfigurationError(f"`vrelocate {' '.join(arguments[:2])}` {end}; {self._process.last_words()}")
        return str(answer["printed"])

    def _answer(self) -> dict[str, Any] | None:
        """Wait for the line that says what became of a command; `None` when the process has ended without one."""
        deadline = time.monotonic() + COMMAND_TIMEOUT_SECONDS
        line = b""
        while not line.endswith(b"\n"):
            try:
                read = os.read(self._answers, _MOST_BYTES)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    last_words = self._process.last_words()
                    raise ConfigurationError(
                        f"a command has not ended after {COMMAND_TIMEOUT_SECONDS:g} s; {last_words}"
                    ) from None
                self._pause(POLL_SECONDS)
                continue
            if not read:
                self._process.wait(ENDING_SECONDS)
                return None
            line += read
        answer: dict[str, Any] = json.loads(line)
        return answer
