"""A carrier that dies in the middle of things: after so many bytes of a phase, at exactly that byte.

In a process of its own it kills itself (SIGKILL); in the test's process it raises what nothing of ours catches.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.secondary import folders
from app.secondary.carry import carry
from app.secondary.copying import Copy
from app.secondary.hold import take
from app.secondary.models import TransferPhase

Die = Callable[[], None]


class Died(BaseException):
    """The carrier's process is gone."""


@contextmanager
def mortal(phase: TransferPhase, after_bytes: int, die: Die) -> Iterator[None]:
    """Let the carrier die when it has written (in comparing: read) so many bytes in a phase."""
    with pytest.MonkeyPatch.context() as patch:
        if phase is TransferPhase.DOWNLOADING:
            _writes_die(patch, after_bytes, die)
        elif phase is TransferPhase.UPLOADING:
            _uploads_die(patch, after_bytes, die)
        else:
            _reads_die(patch, after_bytes, die)
        yield


def _writes_die(patch: pytest.MonkeyPatch, until: int, die: Die) -> None:
    """Die within the write to a folder that goes past a byte; it has then been carried out up to there."""
    real = folders._write_all

    def write_all(file: int, block: memoryview, at: int) -> None:
        if at + len(block) > until:
            real(file, block[: max(0, until - at)], at)
            die()
        real(file, block, at)

    patch.setattr(folders, "_write_all", write_all)


def _uploads_die(patch: pytest.MonkeyPatch, left: int, die: Die) -> None:
    """Die when so much has gone to the target's place, in the midst of a chunk."""
    real = Copy._sent

    def sent(self: Copy, *arguments: Any) -> Iterator[bytes]:  # noqa: ANN401  # whatever it is called with
        nonlocal left
        for chunk in real(self, *arguments):
            if len(chunk) > left:
                if left:
                    yield chunk[:left]
                die()
            left -= len(chunk)
            yield chunk

    patch.setattr(Copy, "_sent", sent)


def _reads_die(patch: pytest.MonkeyPatch, left: int, die: Die) -> None:
    """Die when so much of the targets has been read back."""
    real = Copy._compare

    def compare(self: Copy, file: Any) -> None:  # noqa: ANN401  # a file's record
        check = self._hold.check
        pieces = left >> 20

        def alive() -> None:
            nonlocal pieces
            pieces -= 1
            if pieces < 0:
                die()
            check()

        self._places._alive = alive
        for place in self._places._open.values():
            place._alive = alive  # type: ignore[attr-defined]  # places that copies are made between have one
        real(self, file)

    patch.setattr(Copy, "_compare", compare)


def die_carrying(environment: dict[str, str], store_id: UUID, phase: TransferPhase, after_bytes: int) -> None:
    """Have a process of its own carry what waits in a store, and kill itself in the midst of it."""
    ended = subprocess.run(
        [sys.executable, "-m", __name__, phase, str(after_bytes), str(store_id)],
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[3],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def _killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    phase, after_bytes, store_id = sys.argv[1:]
    hold = take("dying", [UUID(store_id)], threading.Event())
    assert hold, "there is nothing to carry"
    with mortal(TransferPhase(phase), int(after_bytes), _killed):
        carry(hold)
