"""Which installation a host-side command works on: the environment's settings, or those of a state directory."""

# ruff: noqa: PLC0415  # settings are read when a command runs, for `--help` to be quick

from __future__ import annotations

import os
from pathlib import Path


def adopt(state_dir: Path | None) -> None:
    """Take the settings of a `vrelocate up` into this process's environment; without one the environment has them."""
    if state_dir is not None:
        from app.devstack.state import environment_of

        os.environ.update(environment_of(state_dir))


def enter(state_dir: Path | None) -> None:
    """Take the settings of the installation, check them, and send log lines to standard error.

    Raises `ConfigurationError` naming what is missing.
    """
    adopt(state_dir)
    from app.settings import settings
    from app.telemetry import set_up_logging

    # What a command did is said by its own output; the log only adds what went wrong on the way.
    set_up_logging(settings().model_copy(update={"log_format": "text", "log_level": "WARNING"}))
