"""What PostgreSQL and Valkey have in common as servers of ours: a folder, a lock on it, a kept port, a life."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import quote

from app.devstack.locks import FolderLock
from app.devstack.ports import kept_port, new_port
from app.devstack.private_files import kept_secret, private_folder
from app.devstack.processes import Pause, Process
from app.errors import ConfigurationError

PORT_ATTEMPTS = 5
PORT_IN_USE = "Address already in use"  # the kernel's words (EADDRINUSE) in a server's log


class LoopbackServer(ABC):
    """A server on 127.0.0.1 that keeps its data in a folder.

    Start it from the main thread: it ends with the thread that starts it (see `tether`).
    """

    name: ClassVar[str]
    start_timeout_seconds: ClassVar[float]

    def __init__(self, folder: Path, *, password: str | None = None, log: Path | None = None) -> None:
        """Prepare, start nothing. `password` and `log` default to files in the folder."""
        self.folder = folder.absolute()
        self.log = log or self.folder / f"{self.name}.log"
        self._given_password = password
        self._lock = FolderLock(self.folder / "lock")
        self._port: int | None = None
        self._process: Process | None = None

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect to, with the password; known once it has been started."""

    @property
    def port(self) -> int:
        """Known once it has been started; the same over restarts, unless somebody else has taken it."""
        if self._port is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._port

    @property
    def process(self) -> Process:
        """The server's process of the last start, dead or alive."""
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process

    @property
    def password(self) -> str:
        """The given one, or the one kept in the folder, made the first time."""
        return self._given_password or kept_secret(self.folder / "password")

    # -- its life --------------------------------------------------------------------------------------------------

    def start(self, *, pause: Pause | None = None, lock_timeout_seconds: float = 5) -> None:
        """Start the server and wait until it answers.

        A server of an earlier run that is just ending is waited for. Raises `ConfigurationError` when another one
        works in the folder, when the folder cannot be had, when there is no server to start, and with the log's last
        lines when it does not start.
        """
        try:
            private_folder(self.folder)
            self._lock.wait(timeout_seconds=lock_timeout_seconds, pause=pause or time.sleep)
            self._prepare(pause)
            self._port = kept_port(self._port_file)
            self._start_on_some_port(pause)
            self._complete()
        except OSError as error:
            self.stop()
            raise ConfigurationError(f"{self.name}: {error.filename or self.folder}: {error.strerror}") from error
        except BaseException:
            self.stop()
            raise
        finally:
            self._lock.release()  # the server has inherited it

    def launch(self) -> Process:
        """Start it again as it was, without waiting: for a supervisor. Raises `ConfigurationError` if it still runs."""
        if not self._lock.take():
            raise self._lock.refusal()
        try:
            return self._start_process()
        finally:
            self._lock.release()

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether clients are served now."""

    def stop(self) -> bool:
        """Stop it with everything on disk; tell whether it obeyed in time. Nothing to do when it is not running."""
        return self._process.stop() if self._process else True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- what each does in its own way -----------------------------------------------------------------------------

    def _prepare(self, pause: Pause | None) -> None:  # noqa: B027  # not every server needs it
        """Make what must be there before the first start."""

    @abstractmethod
    def _spawn(self, lock_descriptor: int) -> Process:
        """Start the process, which must inherit `lock_descriptor`."""

    def _complete(self) -> None:  # noqa: B027  # the same
        """Make what needs the running server."""

    # -- how -------------------------------------------------------------------------------------------------------

    @property
    def _password_in_url(self) -> str:
        return quote(self.password, safe="")

    @property
    def _port_file(self) -> Path:
        return self.folder / "port"

    def _start_process(self) -> Process:
        self._process = self._spawn(self._lock.descriptor)
        self._lock.sign(self._process.pid)
        return self._process

    def _start_on_some_port(self, pause: Pause | None) -> None:
        """Somebody may take the port between our look at it and the server's; then try another one."""
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            process = self._start_process()
            try:
                process.wait_until(self.answers, timeout_seconds=self.start_timeout_seconds, pause=pause)
            except ConfigurationError:
                if not attempts_left or PORT_IN_USE not in process.output():
                    raise
                self._port = new_port(self._port_file)
            else:
                return
