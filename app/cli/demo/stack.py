"""The embedded default as a child of the demo: started in a temporary folder, stopped and removed with the demo."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import app
from app.cli import terminal
from app.devstack.environment import DATABASE_URLS, MASTER_KEYS, REDIS_URLS
from app.devstack.processes import Process, Program
from app.devstack.programs import VRELOCATE
from app.errors import ConfigurationError

START_TIMEOUT_SECONDS = 180
STOP_TIMEOUT_SECONDS = 60

SCENARIO = Path(app.__file__).parents[1] / "simulator" / "scenarios" / "demo.yaml"
"""Of the checkout: the simulated vCenter is no part of the installed package."""


@dataclass
class Stack:
    """A running installation."""

    state_dir: Path
    ready_file: Path
    keep: bool = True
    """Leave the folder, for somebody to look what went wrong; to be unset when nothing did."""


@contextmanager
def temporary_installation(*, speed: float | None) -> Iterator[Stack]:
    """Run `vrelocate up` with the demo's scenario for as long as the block lasts; the block begins when all answers.

    Raises `ConfigurationError` with the last words of `up` when it does not get that far.
    """
    if not SCENARIO.is_file():
        raise ConfigurationError(f"{SCENARIO} is missing: the demo runs from a checkout of the repository")
    for name in (*DATABASE_URLS, *REDIS_URLS, *MASTER_KEYS):
        os.environ.pop(name, None)  # they may lead to somebody's real installation
    # Both ways to ask for the end unwind this block, so that nothing is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="vrelocate-demo-"))
    stack = Stack(folder / "state", folder / "ready.json")
    try:
        terminal.say(f"starting everything in {folder}")
        process = _start(folder, stack, speed)
        try:
            _wait(process, stack)
            yield stack
        finally:
            terminal.say("stopping everything")
            process.stop()
    except KeyboardInterrupt:
        stack.keep = False
        raise
    finally:
        if stack.keep:
            terminal.say(f"logs are kept in {stack.state_dir / 'logs'}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, stack: Stack, speed: float | None) -> Process:
    return Process(
        Program(
            name="vrelocate up",
            argv=[
                *(*VRELOCATE, "up", "--state-dir", str(stack.state_dir), "--ready-file", str(stack.ready_file)),
                *("--port", "0", "--scenario", str(SCENARIO)),
                *(("--speed", f"{speed:g}") if speed else ()),
            ],
            log=folder / "up.log",
            environment=os.environ,
            stop_timeout_seconds=STOP_TIMEOUT_SECONDS,
            death_signal=signal.SIGTERM,  # when the demo is killed, `up` still stops everything in order
        )
    )


def _wait(process: Process, stack: Stack) -> None:
    """Wait until everything answers; say meanwhile what `up` says."""
    told = 0

    def listen(seconds: float) -> None:
        nonlocal told
        *lines, _unfinished = process.output().split("\n")
        for line in lines[told:]:
            terminal.say(f"  {line}")
        told = len(lines)
        process.wait(seconds)

    process.wait_until(stack.ready_file.exists, timeout_seconds=START_TIMEOUT_SECONDS, pause=listen)
    listen(0)
