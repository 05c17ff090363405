"""Workers that are born in milliseconds, do one step, and are killed in the midst of it: `python -m …nursery`.

This process imports everything and connects to nothing. For each line, a job's id and how many seconds its worker
may live from the beginning of its step (`inf`: to its end), it forks a worker of its own, which connects, runs the real
step, and is killed by SIGKILL when its time is over. It answers with a line of JSON.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import UUID

from app.db import transaction
from app.inventory.vcenters import session_to
from app.jobs import queries
from app.migration.submit import submit

ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Life:
    """What became of one worker."""

    worker: str
    killed: bool
    """Otherwise it came to the end of its step."""
    seconds: float
    """From the beginning of its step."""


@dataclass(frozen=True)
class Nursery:
    """The process that forks workers, as the test sees it."""

    orders: IO[str]
    answers: IO[str]

    def submit(self, job_id: UUID, seconds: float) -> Life:
        """Have a worker of its own begin to submit a job, and kill it after `seconds`."""
        print(job_id, seconds, file=self.orders, flush=True)
        readable, _, _ = select.select([self.answers], [], [], ANSWER_SECONDS)
        assert readable, "the nursery does not answer"
        return Life(**json.loads(self.answers.readline()))


@contextmanager
def nursery(environment: Mapping[str, str], log: Path) -> Iterator[Nursery]:
    """Start one; it ends with the block."""
    with (
        log.open("w") as said,
        subprocess.Popen(
            [sys.executable, "-m", __name__],
            env={**os.environ, **environment},
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Nursery(process.stdin, process.stdout)
        finally:
            process.stdin.close()
            process.wait(ANSWER_SECONDS)


def _work(job_id: UUID, worker: str, begins: int) -> None:
    """Be a worker: everything that every step needs is there when this one begins."""
    with transaction() as session:
        job = queries.get_job(session, job_id)
    assert job is not None
    assert session_to(job.system_id).content
    os.write(begins, b"!")
    submit(job_id, worker)


def _life_of_a_worker(job_id: UUID, seconds: float, worker: str) -> Life:
    heard, begins = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            _work(job_id, worker, begins)
        except BaseException as error:  # noqa: BLE001  # nothing of the parent's must run in the child
            sys.stderr.write(f"{worker}: {error!r}\n")
            sys.stderr.flush()
        os._exit(0)
    os.close(begins)
    os.read(heard, 1)
    began = time.monotonic()
    os.close(heard)
    ended = os.pidfd_open(pid)
    over, _, _ = select.select([ended], [], [], None if seconds == float("inf") else seconds)
    if not over:
        os.kill(pid, signal.SIGKILL)
    lived = time.monotonic() - began
    os.close(ended)
    _, status = os.waitpid(pid, 0)
    return Life(worker, os.WIFSIGNALED(status), lived)


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what workers write is no answer
    for number, line in enumerate(sys.stdin):
        job, allowed = line.split()
        life = _life_of_a_worker(UUID(job), float(allowed), f"worker-{number}")
        answers.write(json.dumps(vars(life)) + "\n")
        answers.flush()
