"""Signals as events of the main loop, not as exceptions out of the blue."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Any, Self

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(Exception):
    """No error: SIGINT, SIGTERM or SIGHUP (the terminal is gone) came while something was being waited for."""


class Signals:
    """While entered: the stopping signals are noted down, and they and the end of any child wake `wait`.

    For the main thread, where Python delivers signals.
    """

    def __init__(self) -> None:
        """Prepare; nothing is changed before `with`."""
        self.received: list[signal.Signals] = []
        """Every stopping signal so far; a second one says: hurry up."""
        self._reading, self._writing = -1, -1
        self._previous: dict[signal.Signals, Any] = {}
        self._previous_wakeup = -1

    def __enter__(self) -> Self:
        self._reading, self._writing = os.pipe()
        for descriptor in (self._reading, self._writing):
            os.set_blocking(descriptor, False)
        self._previous_wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in STOPPING:
            self._previous[number] = signal.signal(number, self._note)
        # SIGCHLD is ignored by default, and then wakes nobody.
        self._previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._previous_wakeup)
        os.close(self._reading)
        os.close(self._writing)

    def wait(self, seconds: float) -> None:
        """Wait so long, or until a signal comes (a stopping one, or a child has ended)."""
        readable, _, _ = select.select([self._reading], [], [], max(0.0, seconds))
        if readable:
            os.read(self._reading, 4096)

    def pause(self, seconds: float) -> None:
        """Wait like `wait`. Raises `StopRequested` when a stopping signal has come."""
        if not self.received:
            self.wait(seconds)
        if self.received:
            raise StopRequested(self.received[0].name)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(signal.Signals(number))
