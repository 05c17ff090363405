"""Residents of worker processes, living for a while in this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from workers.resident import ResidentStep


@contextmanager
def alive(*steps: ResidentStep) -> Iterator[None]:
    """Let residents live for a while, as a worker does."""
    for step in steps:
        step.start(None)
    try:
        yield
    finally:
        for step in steps:
            step.stop(None)
