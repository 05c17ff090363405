"""What is started stays started, and is stopped in order: with real processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.devstack.processes import Process, Program
from app.devstack.signals import Signals, StopRequested
from app.devstack.supervisor import Stage, Supervisor
from app.errors import ConfigurationError

pytestmark = pytest.mark.integration

STAYS = "import signal; print('up', flush=True); signal.pause()"
DEAF = "import signal; signal.signal(15, signal.SIG_IGN); " + STAYS
SAYS_WHEN = "import signal, time; print('up', flush=True); signal.sigwait([15]); print(time.monotonic_ns(), flush=True)"


class Sleeper:
    """A service that stays until it is told to stop."""

    def __init__(self, folder: Path, name: str, code: str = STAYS, stop_timeout_seconds: float = 10) -> None:
        self.name = name
        self.launched = 0
        self.refusals = 0
        blocked = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [15]);" if "sigwait" in code else ""
        self._program = Program(
            name=name,
            argv=[sys.executable, "-I", "-S", "-c", blocked + code],
            log=folder / f"{name}.log",
            environment={},
            stop_timeout_seconds=stop_timeout_seconds,
        )

    def launch(self) -> Process:
        if self.refusals:
            self.refusals -= 1
            raise ConfigurationError("not yet")
        self.launched += 1
        process = Process(self._program)
        process.wait_until(lambda: "up" in process.output(), timeout_seconds=30)
        return process


@pytest.fixture
def signals() -> Iterator[Signals]:
    with Signals() as watched:
        yield watched


class Run:
    """A supervisor and what it told."""

    def __init__(self, signals: Signals) -> None:
        self.signals = signals
        self.reports: list[str] = []
        self.changes = 0
        self.supervisor = Supervisor(self.reports.append, self._count)

    def _count(self) -> None:
        self.changes += 1

    def until_launched(self, service: Sleeper, times: int) -> None:
        deadline = time.monotonic() + 30
        while True:
            due_in = self.supervisor.check()
            if service.launched >= times:
                return
            assert time.monotonic() < deadline
            self.signals.wait(min(due_in, deadline - time.monotonic()))


@pytest.fixture
def run(signals: Signals) -> Iterator[Run]:
    made = Run(signals)
    yield made
    made.supervisor.stop(signals.wait, lambda: True)


def test_what_is_killed_is_started_again_counted_and_reported(tmp_path: Path, run: Run) -> None:
    service = Sleeper(tmp_path, "worker-1")
    first = run.supervisor.launch(service, Stage.WORKER)
    os.kill(first.pid, signal.SIGKILL)
    run.until_launched(service, 2)

    (second,) = run.supervisor.pids(Stage.WORKER)
    assert second != first.pid
    assert run.changes == 1
    assert run.reports == [
        f"worker-1 (pid {first.pid}) was killed by SIGKILL: starting it again now; its log is {tmp_path}/worker-1.log",
        f"worker-1 runs again as pid {second} (restart 1)",
    ]


def test_one_that_dies_again_and_again_is_started_less_and_less_often(tmp_path: Path, run: Run) -> None:
    service = Sleeper(tmp_path, "api")
    run.supervisor.launch(service, Stage.API)
    for launched in (2, 3):
        (pid,) = run.supervisor.pids(Stage.API)
        os.kill(pid, signal.SIGKILL)
        run.until_launched(service, launched)
    assert [line.split(": ")[1].split(";")[0] for line in run.reports[::2]] == [
        "starting it again now",
        "starting it again in 0.5 s",
    ]


def test_a_start_that_is_not_possible_now_is_tried_again(tmp_path: Path, run: Run) -> None:
    service = Sleeper(tmp_path, "postgres")
    process = run.supervisor.launch(service, Stage.DATABASE)
    service.refusals = 1
    os.kill(process.pid, signal.SIGKILL)
    run.until_launched(service, 2)
    assert "postgres cannot be started, trying again in 0.5 s: not yet" in run.reports
    assert run.changes == 1


def test_the_end_of_a_child_is_noticed_at_once(tmp_path: Path, run: Run) -> None:
    service = Sleeper(tmp_path, "worker-1")
    process = run.supervisor.launch(service, Stage.WORKER)
    assert run.supervisor.check() > 10  # nothing is due for so long
    os.kill(process.pid, signal.SIGKILL)
    started = time.monotonic()
    while process.is_alive():
        run.signals.wait(30)
    assert time.monotonic() - started < 10


def test_stopping_goes_stage_by_stage_against_the_order_of_starting(tmp_path: Path, run: Run) -> None:
    for stage in Stage:
        run.supervisor.launch(Sleeper(tmp_path, stage.name, SAYS_WHEN), stage)
    run.supervisor.stop(run.signals.wait, lambda: False)
    ends = {stage: int((tmp_path / f"{stage.name}.log").read_text(encoding="ascii").split()[-1]) for stage in Stage}
    assert sorted(Stage, key=lambda stage: ends[stage]) == sorted(Stage, reverse=True)
    assert run.reports == []


def test_one_that_does_not_stop_in_time_is_killed_and_reported(tmp_path: Path, run: Run) -> None:
    process = run.supervisor.launch(Sleeper(tmp_path, "worker-1", DEAF, 0.2), Stage.WORKER)
    run.supervisor.stop(run.signals.wait, lambda: False)
    assert process.end() == "was killed by SIGKILL"
    assert run.reports == [f"worker-1 (pid {process.pid}) is killed: it did not stop in time"]


def test_lost_patience_kills_what_keeps_nothing_on_disk(tmp_path: Path, run: Run) -> None:
    worker = run.supervisor.launch(Sleeper(tmp_path, "worker-1", DEAF, 1000), Stage.WORKER)
    database = run.supervisor.launch(Sleeper(tmp_path, "postgres", STAYS, 1000), Stage.DATABASE)
    run.supervisor.stop(run.signals.wait, lambda: True)
    assert (worker.end(), database.end()) == ("was killed by SIGKILL", "was killed by SIGTERM")


def test_a_stopping_signal_ends_a_wait(signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(StopRequested, match="SIGTERM"):
        signals.pause(30)
    assert signals.received == [signal.SIGTERM]
