"""Parents that may be killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


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
