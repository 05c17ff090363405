"""Exit codes, and the one line that an operator reads when something went wrong (`docs/cli.md` lists them)."""

from __future__ import annotations

import traceback
from enum import IntEnum

from app.cli import terminal
from app.errors import (
    ConfigurationError,
    NotAuthenticated,
    PermissionDenied,
    ResourceUnavailable,
    VrelocateError,
)

_BEYOND_THE_CALLER = (ConfigurationError, NotAuthenticated, PermissionDenied, ResourceUnavailable)


class ExitCode(IntEnum):
    """What the shell sees."""

    SUCCESS = 0
    JOB_FAILED = 1
    """At least one job that was waited for failed or was cancelled."""
    BAD_INPUT = 2
    """Usage, an unknown or ambiguous name, a request that was refused."""
    UNAVAILABLE = 3
    """Configuration is missing or wrong, or the API, the database or a vCenter does not answer."""
    INTERRUPTED = 130
    """Ctrl-C; jobs that were waited for go on."""


def exit_code(error: Exception) -> ExitCode:
    """Return the exit code that `error` ends a command with."""
    if not isinstance(error, VrelocateError) or type(error) is VrelocateError:
        return ExitCode.UNAVAILABLE
    return ExitCode.UNAVAILABLE if isinstance(error, _BEYOND_THE_CALLER) else ExitCode.BAD_INPUT


def report(error: Exception, *, debug: bool) -> None:
    """Show `error` on standard error: one line, after the whole traceback when `debug` is set.

    An error that is none of ours is a bug here, and its line says how to see more of it.
    """
    if debug:
        terminal.stderr().print("".join(traceback.format_exception(error)), markup=False, highlight=False)
    if isinstance(error, VrelocateError):
        terminal.complain(str(error))
    else:
        terminal.complain(
            f"unexpected {type(error).__name__}: {error}; this is a defect of vrelocate"
            + ("" if debug else ": `vrelocate --debug …` shows where")
        )
