"""What `vrelocate up` can be told, and what can be seen to be wrong with it before anything is started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from app.devstack.ports import LOOPBACK, is_free
from app.errors import ConfigurationError

DEFAULT_PORT = 8080
DEFAULT_WORKERS = 2


@dataclass(frozen=True)
class UpOptions:
    """The options of one `vrelocate up`."""

    state_dir: Path
    """Made when it is missing; its parent must be there."""
    port: int = DEFAULT_PORT
    """The API's; 0: a free one, kept over restarts."""
    workers: int = DEFAULT_WORKERS
    vcenter: str | None = None
    """URL of a real vCenter; without one the simulated vCenter is started."""
    username: str | None = None
    thumbprint: str | None = None
    """SHA-256 of the vCenter's TLS certificate; without it, and without `insecure`, the system's authorities count."""
    insecure: bool = False
    vcenter_password_file: Path | None = None
    """Holds the vCenter's password; default: VRELOCATE_VCENTER_PASSWORD, or the file that …_FILE names."""
    scenario: Path | None = None
    """What the simulated vCenter contains (YAML)."""
    speed: float | None = None
    """How many times faster than real the simulated vCenter's time runs."""
    ready_file: Path | None = None
    """Written when everything answers (see `ready`); `ready.json` in the state folder always is."""


def check(options: UpOptions) -> None:
    """Raise `ConfigurationError` for what is wrong, saying what to do instead."""
    if options.workers < 1:
        raise ConfigurationError(f"--workers {options.workers}: at least one worker is needed")
    _check_vcenter(options)
    if options.scenario and not options.scenario.is_file():
        raise ConfigurationError(f"--scenario {options.scenario}: there is no such file")
    if options.ready_file:
        _check_ready_file(options.ready_file)


def check_port(options: UpOptions) -> None:
    """Raise `ConfigurationError` when the API could not listen; asked once it is clear that no `up` works here yet."""
    if options.port and not is_free(options.port):
        raise ConfigurationError(
            f"port {options.port} on {LOOPBACK} is in use, or not ours to use: choose another with --port, "
            "or let a free one be chosen with --port 0"
        )


def _check_vcenter(options: UpOptions) -> None:
    if not options.vcenter:
        if options.username or options.thumbprint or options.insecure:
            raise ConfigurationError("--username, --thumbprint and --insecure belong to --vcenter, which is missing")
        return
    if not options.username:
        raise ConfigurationError("--vcenter needs --username")
    if options.thumbprint and options.insecure:
        raise ConfigurationError("--thumbprint and --insecure contradict each other: give one of the two")
    if options.scenario or options.speed:
        raise ConfigurationError("--scenario and --speed are the simulated vCenter's: they do not go with --vcenter")


def _check_ready_file(file: Path) -> None:
    if file.is_dir():
        raise ConfigurationError(f"--ready-file {file}: that is a folder")
    folder = file.absolute().parent
    if not folder.is_dir():
        raise ConfigurationError(f"--ready-file {file}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(f"--ready-file {file}: {folder} cannot be written")
