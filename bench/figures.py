"""Figures: percentiles, CPU time of process trees, the machine they were taken on, and the files that keep them.

A file of results (`bench/results/NAME.json`) is what the program `bench.NAME` has measured last; `bench.table` writes
docs/benchmarks.md from them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
_TICKS = os.sysconf("SC_CLK_TCK")
_TIMES = slice(11, 15)
"""Of /proc/PID/stat, behind the name: utime, stime, and the same of children that have ended."""


def spread(seconds: Sequence[float]) -> dict[str, Any]:
    """Return count, median, 99 of 100 and worst, in milliseconds (the smallest value that so many do not exceed)."""
    ordered = sorted(seconds)
    if not ordered:
        return {"count": 0, "p50_ms": None, "p99_ms": None, "max_ms": None}

    def at(hundredths: int) -> float:
        return round(ordered[max(0, -(-len(ordered) * hundredths // 100) - 1)] * 1000, 1)

    return {"count": len(ordered), "p50_ms": at(50), "p99_ms": at(99), "max_ms": at(100)}


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the CPU time of processes and of all of their descendants, ended ones among them."""
    return sum(_own_cpu_seconds(member) for pid in pids for member in descent(pid))


def descent(pid: int) -> list[int]:
    """Return a process and all of its descendants, those among them that other threads than the first have started."""
    children: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += [int(child) for child in thread.read_text(encoding="ascii").split()]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return [pid, *[member for child in children for member in descent(child)]]


def _own_cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has just ended: its parent has its time
    return sum(int(ticks) for ticks in fields[_TIMES]) / _TICKS


def wait_for(condition: Callable[[], bool], within_seconds: float, every_seconds: float = 0.25) -> bool:
    """Wait for a state that costs something to look at; tell whether it came."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_seconds)
    return True


def machine() -> dict[str, Any]:
    """Return what the figures depend on: take it before anything is measured, for the load of others."""
    model = re.search(r"^model name\s*: (.+)$", _text("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", _text("/proc/meminfo"), re.MULTILINE)
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "cpu": model[1] if model else platform.machine(),
        "memory_gib": round(int(memory[1]) / 2**20) if memory else None,
        "load_average_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "revision": git.stdout.strip(),
    }


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of installed packages."""
    return {package: version(package) for package in packages}


def save(name: str, content: dict[str, Any]) -> None:
    """Keep what a program has measured."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def is_kept(name: str) -> bool:
    """Tell whether a program has ever measured anything."""
    return (RESULTS / f"{name}.json").exists()


def kept(name: str) -> dict[str, Any]:
    """Return what a program measured last."""
    content: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return content


def say(text: str) -> None:
    """Tell how far it is: a run takes minutes."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""  # no Linux
