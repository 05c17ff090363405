"""A folder has one user at a time: `flock`, which the kernel lets go of when its last holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from app.errors import ConfigurationError

POLL_SECONDS = 0.02


class FolderLock:
    """An exclusive lock; held as long as its descriptor is open in *any* process, here or in a child that inherited it.

    A server that inherits it keeps a second instance away even when the parent that took the lock is gone.
    """

    def __init__(self, file: Path) -> None:
        """Prepare; `file` is made when the lock is taken and stays: removing it would let two hold "the" lock."""
        self.file = file
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Try to take it, at once; tell whether we have it."""
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def wait(self, *, timeout_seconds: float, pause: Callable[[float], None] = time.sleep) -> None:
        """Take it, waiting for a holder that is just ending. Raises `ConfigurationError` naming one that stays."""
        deadline = time.monotonic() + timeout_seconds
        while not self.take():
            if time.monotonic() >= deadline:
                raise self.refusal()
            pause(POLL_SECONDS)  # the kernel tells nobody that a lock is free, save by a call without a deadline

    @property
    def descriptor(self) -> int:
        """The open descriptor, for a child to inherit."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        return self._descriptor

    def sign(self, pid: int) -> None:
        """Write down who holds it, for the message that a second one gets."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{pid}\n".encode(), 0)

    def holder(self) -> str:
        """Name who signed: `pid 4711`, or `an unknown process`."""
        try:
            return f"pid {int(self.file.read_text(encoding='ascii'))}"
        except (OSError, ValueError):
            return "an unknown process"

    def release(self) -> None:
        """Close our descriptor. The lock itself lives on in the children that inherited it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def refusal(self) -> ConfigurationError:
        """Say who uses the folder."""
        folder = self.file.parent
        return ConfigurationError(
            f"{folder} is in use by {self.holder()}: stop that one first, or choose another folder"
        )
