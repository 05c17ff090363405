"""`vrelocate up`: the whole installation in the foreground, until somebody asks it to stop."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from app.devstack.options import UpOptions, check, check_port
from app.devstack.signals import Signals, StopRequested
from app.devstack.stack import Stack
from app.devstack.state import StateFolder
from app.errors import ConfigurationError

__all__ = ["UpOptions", "run_up"]


def run_up(options: UpOptions, *, report: Callable[[str], None]) -> int:
    """Start everything, keep it running until SIGINT, SIGTERM or SIGHUP, stop it; return the exit code (0).

    To be called from the main thread. `report` is told, a line each, what happens. Raises `ConfigurationError` when
    something cannot be started; nothing is left running then.
    """
    check(options)

    def tell(line: str) -> None:
        # A terminal that is gone, a reader that went away: no reason to stop, nor to stop badly. (Rich makes an exit of
        # a broken pipe.)
        try:
            report(line)
        except (OSError, SystemExit):
            _speak_to_nobody()

    try:
        state = StateFolder(options.state_dir)
        try:
            _run(options, state, tell)
        finally:
            state.close()
    except OSError as error:
        # Our own reads and writes: a full disk, a folder that somebody took away.
        raise ConfigurationError(f"{error.filename or options.state_dir}: {error.strerror}") from error
    return 0


def _run(options: UpOptions, state: StateFolder, report: Callable[[str], None]) -> None:
    check_port(options)
    with Signals() as signals:
        stack = Stack(options, state, report)
        try:
            ready = stack.start(signals.pause)
            report(f"ready: the API answers at {ready.api_url}; keys and passwords are in {state.ready_file}")
            stack.keep(signals.pause)
        except StopRequested as request:
            report(f"{request}: stopping")
        finally:
            patience = len(signals.received) + 1
            stack.stop(signals.wait, lambda: len(signals.received) >= patience)
        report("stopped")


def _speak_to_nobody() -> None:
    """Let what is said from now on go nowhere: Python would flush the rest at its end, fail, and exit with 120."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a stream that is closed, or none of the system's
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
