"""What the tests of processes need: watching ends through the kernel, and parents that may be killed."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Seconds = float


@pytest.fixture
def all_end() -> Callable[[list[int], Seconds], None]:
    """Wait on the kernel's own handles until every one of the processes has ended; fail naming those that live on."""

    def wait(pids: list[int], within_seconds: Seconds) -> None:
        deadline = time.monotonic() + within_seconds
        handles: dict[int, int] = {}
        for pid in pids:
            try:
                handles[os.pidfd_open(pid)] = pid
            except ProcessLookupError:
                continue
        try:
            poll = select.poll()
            for handle in handles:
                poll.register(handle, select.POLLIN)
            alive = dict(handles)
            while alive:
                ended = poll.poll(max(0, deadline - time.monotonic()) * 1000)
                assert ended, f"still running after {within_seconds} s: {sorted(alive.values())}"
                for handle, _ in ended:
                    poll.unregister(handle)
                    del alive[handle]
        finally:
            for handle in handles:
                os.close(handle)

    return wait


@pytest.fixture
def family() -> Callable[[int], list[int]]:
    """Return a process and all of its descendants."""

    def collect(pid: int) -> list[int]:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        except FileNotFoundError:
            return []  # it has just ended
        return [pid, *[descendant for child in children for descendant in collect(int(child))]]

    return collect


@pytest.fixture
def parent() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Run Python code that starts something, prints one line when it has, and stays; for the test to kill."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code + "\nimport signal\nsignal.pause()\n", *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def command_line() -> Callable[[int], str]:
    """Return what every user of the machine can see of a process."""

    def read(pid: int) -> str:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()

    return read
