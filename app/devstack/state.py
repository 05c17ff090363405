"""The state folder of one `vrelocate up`: everything that survives a restart, and one user at a time.

DIR/up.lock      held by the `up` that works here; says its pid
DIR/ready.json   how to reach it (see `ready`); there while everything answers
DIR/secrets/     passwords and the master key: made once, mode 0600 in a folder of mode 0700
DIR/postgres/    the database, and the API key that it knows
DIR/valkey/      the broker
DIR/simulator/   port and certificate of the simulated vCenter
DIR/logs/        NAME.log of this run, NAME.log.1 of the one before
DIR/run/         signs of life of the workers
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from app.devstack.environment import installation
from app.devstack.locks import FolderLock
from app.devstack.private_files import kept_secret, private_folder
from app.errors import ConfigurationError

READY_FILE = "ready.json"
MASTER_KEY = "master-key"


class StateFolder:
    """The folder, locked for this process."""

    def __init__(self, path: Path) -> None:
        """Make the folder if it is missing, and lock it.

        Raises `ConfigurationError` when it cannot be made or written, and when another `up` works in it.
        """
        self.path = path.absolute()
        _make(self.path)
        self._lock = FolderLock(self.path / "up.lock")
        try:
            self._lock.wait(timeout_seconds=0)
        except PermissionError as error:
            raise ConfigurationError(f"{self.path} cannot be written: {error.strerror}") from error
        self._lock.sign(os.getpid())
        for name in ("secrets", "logs", "run", "simulator"):
            private_folder(self.path / name)

    def folder(self, name: str) -> Path:
        """Return a part's own folder."""
        return self.path / name

    @property
    def ready_file(self) -> Path:
        """Return where the ready file of whoever works here is."""
        return self.path / READY_FILE

    def secret_file(self, name: str) -> Path:
        """Return where a secret is kept."""
        return self.path / "secrets" / name

    def password(self, name: str) -> str:
        """Return a kept password, made the first time."""
        return kept_secret(self.secret_file(name))

    def master_key_file(self) -> Path:
        """Return the file of the master key (32 bytes, url-safe base64), made the first time."""
        file = self.secret_file(MASTER_KEY)
        kept_secret(file, lambda: base64.urlsafe_b64encode(os.urandom(32)).decode())
        return file

    def fresh_log(self, name: str) -> Path:
        """Return the log file of a part for this run; the last run's is kept as `.1`."""
        log = self.path / "logs" / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        return log

    def close(self) -> None:
        """Let the next one in."""
        self._lock.release()


def environment_of(state_dir: Path) -> dict[str, str]:
    """Return the variables that make a process part of the installation that runs in `state_dir`.

    Raises `ConfigurationError` when none does.
    """
    file = state_dir / READY_FILE
    try:
        ready = json.loads(file.read_text(encoding="utf-8"))
        return installation(ready["database_url"], ready["redis_url"], state_dir.absolute() / "secrets" / MASTER_KEY)
    except OSError as error:
        raise ConfigurationError(
            f"{file}: {error.strerror}: does a `vrelocate up --state-dir {state_dir}` run?"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{file} is no ready file of `vrelocate up`") from error


def _make(path: Path) -> None:
    try:
        private_folder(path)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path.parent} does not exist: make that folder first, or choose another --state-dir"
        ) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigurationError(f"{path} cannot be the state folder: a file is in the way") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made: {error.strerror}") from error
