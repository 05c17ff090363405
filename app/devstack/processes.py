"""A program started as a child: tied to our life, its output in a log, told how to stop."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.devstack.accounts import Account
from app.errors import ConfigurationError

TETHER = Path(__file__).with_name("tether.py")
POLL_SECONDS = 0.02
LAST_LINES = 15
ALMOST_NOTHING_BYTES = 65536
SUCCESS = "exited with status 0"

Pause = Callable[[float], None]
"""Waits up to so many seconds; may return early, and may raise to end what is being waited for."""


@dataclass(frozen=True)
class Program:
    """What to start, and how it wants to be ended."""

    name: str
    argv: Sequence[str]
    log: Path
    """Standard output and standard error are appended here."""
    environment: Mapping[str, str]
    """The whole of it: nothing is inherited."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_seconds: float = 10
    """After that SIGKILL."""
    death_signal: signal.Signals = signal.SIGKILL
    """What the program is sent when its parent is gone."""
    account: Account | None = None
    descriptors: Sequence[int] = field(default=())
    """Inherited under the same numbers."""


class Process:
    """One running (or ended) program. It gets a session of its own: Ctrl-C reaches us alone, who stop it in order."""

    def __init__(self, program: Program, *, stdin: int | None = None, stdout: int | None = None) -> None:
        """Start `program`; `stdin` and `stdout` are descriptors (default: nothing to read; the log)."""
        if threading.current_thread() is not threading.main_thread():
            # The kernel ties the child to the *thread* that starts it: it would die with this one.
            raise RuntimeError(f"start {program.name} from the main thread")
        self.program = program
        with os.fdopen(os.open(program.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as log:
            self._log_offset = log.tell()
            self._popen = subprocess.Popen(  # noqa: S603  # the argument list is ours, no shell reads it
                [*_tether(program), *program.argv],
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=log if stdout is None else stdout,
                stderr=log,
                env=dict(program.environment),
                pass_fds=tuple(program.descriptors),
                start_new_session=True,
                cwd="/" if program.account else None,  # our own folder may be closed to that user
            )
        self.started_at = time.monotonic()

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._popen.pid

    def is_alive(self) -> bool:
        """Tell whether it runs; reaps it when it does not."""
        return self._popen.poll() is None

    def seconds_alive(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self.started_at

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long; tell whether it has ended."""
        try:
            self._popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _pause(self, seconds: float) -> None:
        self.wait(seconds)

    def wait_until(self, ready: Callable[[], bool], *, timeout_seconds: float, pause: Pause | None = None) -> None:
        """Wait until `ready()`.

        Raises `ConfigurationError` with the log's last lines when the program ends before or takes too long.
        """
        deadline = time.monotonic() + timeout_seconds
        wait: Pause = pause or self._pause
        while not ready():
            if not self.is_alive():
                raise ConfigurationError(f"{self.name} {self.end()} while starting; {self.last_words()}")
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"{self.name} (pid {self.pid}) does not answer after {timeout_seconds:g} s; {self.last_words()}"
                )
            wait(POLL_SECONDS)

    def wait_for_end(self, *, timeout_seconds: float, pause: Pause | None = None) -> str:
        """Wait until a program that ends by itself has done so; return `end()`.

        It is killed when the wait is broken off, and when it takes too long (`ConfigurationError`).
        """
        deadline = time.monotonic() + timeout_seconds
        wait: Pause = pause or self._pause
        try:
            while self.is_alive() and time.monotonic() < deadline:
                wait(POLL_SECONDS)
        except BaseException:
            self.kill()
            raise
        if self.is_alive():
            self.kill()
            raise ConfigurationError(f"{self.name} has not ended after {timeout_seconds:g} s; {self.last_words()}")
        return self.end()

    def end(self) -> str:
        """Say in words how it ended: "was killed by SIGKILL", "exited with status 1", "is running"."""
        code = self._popen.poll()
        if code is None:
            return "is running"
        if code < 0:
            return f"was killed by {_signal_name(-code)}"
        return f"exited with status {code}"

    def ask_to_stop(self) -> None:
        """Send the stop signal; do not wait."""
        if self.is_alive():
            self._popen.send_signal(self.program.stop_signal)

    def kill(self) -> None:
        """Send SIGKILL and reap it."""
        self._popen.kill()
        self._popen.wait()

    def stop(self) -> bool:
        """End it: its stop signal, its time to obey, SIGKILL. Tell whether it obeyed."""
        self.ask_to_stop()
        if self.wait(self.program.stop_timeout_seconds):
            return True
        self.kill()
        return False

    def output(self) -> str:
        """Return what this run has put into the log so far (the last 64 KiB of it)."""
        with self.program.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_offset, end - 65536))
            return log.read().decode("utf-8", "replace")

    def begin_new_page(self) -> None:
        """Let `output` and `last_words` tell only what is written from now on."""
        self._log_offset = self.program.log.stat().st_size

    def last_words(self) -> str:
        """Say where the log is and what its last lines are, for an error message."""
        lines = [line for line in self.output().splitlines() if line.strip()][-LAST_LINES:]
        if shutil.disk_usage(self.program.log.parent).free < ALMOST_NOTHING_BYTES:
            lines.append(f"(the disk of {self.program.log.parent} is full)")  # it may have had no room to say so
        if not lines:
            return f"it wrote nothing to {self.program.log}"
        return f"the last lines of {self.program.log}:\n" + "\n".join(f"    {line}" for line in lines)


def _tether(program: Program) -> list[str]:
    user = [str(program.account.uid), str(program.account.gid)] if program.account else ["-", "-"]
    return [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(int(program.death_signal)), *user]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
