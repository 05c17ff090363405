"""How processes end, seen through the kernel's own handles."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path


def family(pid: int) -> list[int]:
    """Return a process and all of its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []  # it has just ended
    return [pid, *[descendant for child in children for descendant in family(int(child))]]


def all_end(pids: list[int], within_seconds: float) -> None:
    """Wait until every one of the processes has ended; fail naming one that lives on."""
    deadline = time.monotonic() + within_seconds
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            ended, _, _ = select.select([handle], [], [], max(0, deadline - time.monotonic()))
            assert ended, f"process {pid} still runs after {within_seconds} s"
        finally:
            os.close(handle)


def command_line(pid: int) -> str:
    """Return what every user of the machine can see of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
