"""A program that ends when its parent does, whatever way the parent ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.devstack.processes import TETHER, Process, Program
from tests.running.endings import all_end

pytestmark = pytest.mark.integration

STAYS = "import signal, sys; print('up', flush=True); signal.pause()"

# Started in a child's child: the test kills the one between, which is the program's parent.
STARTS_ONE = """
import os, subprocess, sys
tether, *program = sys.argv[1:]
child = subprocess.Popen([sys.executable, *tether.split(), str(os.getpid()), "15", "-", "-", *program],
                         stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
"""

# The way for systems without parent-death signals, run on this one.
ELSEWHERE = f"-I -S -c import\\tsys,runpy;sys.platform='darwin';runpy.run_path('{TETHER}',run_name='__main__')"


def program(tmp_path: Path, code: str, **changes: object) -> Program:
    settings: dict[str, object] = {
        "name": "it",
        "argv": [sys.executable, "-I", "-S", "-c", code],
        "log": tmp_path / "it.log",
        "environment": {},
    }
    return Program(**{**settings, **changes})  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize("tether", [f"-I -S {TETHER}", ELSEWHERE], ids=["Linux", "elsewhere"])
def test_sigkill_of_the_parent_ends_the_program(
    tether: str,
    parent: Callable[..., subprocess.Popen[str]],
) -> None:
    starter = parent(STARTS_ONE.replace("tether.split()", "tether.split(' ')"), tether, sys.executable, "-c", STAYS)
    assert starter.stdout
    pid = int(starter.stdout.readline())
    os.kill(pid, 0)
    starter.kill()
    all_end([pid], 10)


def test_a_program_whose_parent_is_gone_already_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    touch = [sys.executable, "-c", f"open({str(marker)!r}, 'w')"]
    gone = subprocess.run(
        [sys.executable, "-I", "-S", TETHER, str(os.getppid()), "9", "-", "-", *touch], check=False, timeout=30
    )
    assert gone.returncode == 126
    assert not marker.exists()


def test_signals_that_the_parent_ignores_are_not_ignored_by_the_program(tmp_path: Path) -> None:
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as under nohup, or `&` in a script
    try:
        process = Process(program(tmp_path, STAYS, stop_signal=signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, previous)
    process.wait_until(lambda: "up" in process.output(), timeout_seconds=30)
    assert process.stop()


def test_what_cannot_be_executed_says_so_in_the_log(tmp_path: Path) -> None:
    process = Process(program(tmp_path, "", argv=["/nonexistent/program"]))
    assert process.wait_for_end(timeout_seconds=30) == "exited with status 126"
    assert "cannot execute /nonexistent/program: No such file or directory" in process.last_words()


def test_nothing_of_our_environment_and_our_descriptors_reaches_the_program(tmp_path: Path) -> None:
    code = "import os; print(sorted(os.environ), sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
    with (tmp_path / "ours").open("w"):
        process = Process(program(tmp_path, code, environment={"LC_ALL": "C"}))
        process.wait_for_end(timeout_seconds=30)
    assert process.output() == "['LC_ALL'] [0, 1, 2]\n"


def test_one_that_does_not_obey_is_killed(tmp_path: Path) -> None:
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    process = Process(program(tmp_path, code, stop_timeout_seconds=0.2))
    process.wait_until(lambda: "deaf" in process.output(), timeout_seconds=30)
    assert process.stop() is False
    assert process.end() == "was killed by SIGKILL"
