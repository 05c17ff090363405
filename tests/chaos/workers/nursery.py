"""Workers that are born in milliseconds, do one step, and are killed in the midst of it: `python -m …nursery`.

This process imports everything and connects to nothing. A line names a job, a moment of its step, and how many seconds
a worker may live from then on (`inf`: to its end). For each line it forks a worker of its own, which connects, runs the
real step, and is killed by SIGKILL when its time is over. It answers with a line of JSON.
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
from enum import StrEnum
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from app.db import transaction
from app.inventory.vcenters import session_to
from app.jobs import outside, queries
from app.migration.submit import submit

ANSWER_SECONDS = 60


class Moment(StrEnum):
    """From when on a worker's time is counted."""

    BEGINNING = "b"
    INTENT = "i"
    """What is about to be asked of vCenter has just been written down."""


@dataclass(frozen=True)
class Life:
    """What became of one worker."""

    worker: str
    killed: bool
    """Otherwise it came to the end of its step."""
    seconds: float
    """From the moment that was named."""


@dataclass(frozen=True)
class Nursery:
    """The process that forks workers, as the test sees it."""

    orders: IO[str]
    answers: IO[str]

    def submit(self, job_id: UUID, moment: Moment, seconds: float) -> Life:
        """Have a worker of its own submit a job, and kill it `seconds` after a moment of that, if it comes to it."""
        print(job_id, moment, seconds, file=self.orders, flush=True)
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


def _work(job_id: UUID, worker: str, tells: int) -> None:
    """Be a worker: everything that every step needs is there when this one begins."""
    with transaction() as session:
        job = queries.get_job(session, job_id)
    assert job is not None
    assert session_to(job.system_id).content
    intend = outside.intend

    def intended(*arguments: Any) -> UUID:  # noqa: ANN401  # as they come
        task_id = intend(*arguments)
        os.write(tells, Moment.INTENT.encode())
        return task_id

    outside.intend = intended
    os.write(tells, Moment.BEGINNING.encode())
    submit(job_id, worker)


def _life_of_a_worker(job_id: UUID, moment: Moment, seconds: float, worker: str) -> Life:
    hears, tells = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            _work(job_id, worker, tells)
        except BaseException as error:  # noqa: BLE001  # nothing of the parent's must run in the child
            sys.stderr.write(f"{worker}: {error!r}\n")
            sys.stderr.flush()
        os._exit(0)
    os.close(tells)
    while (told := os.read(hears, 1)) and told != moment.encode():  # nothing is told any more when it has ended
        pass
    began, ended = time.monotonic(), os.pidfd_open(pid)
    over, _, _ = select.select([ended], [], [], None if seconds == float("inf") else seconds)
    if not over:
        os.kill(pid, signal.SIGKILL)
    lived = time.monotonic() - began
    for file in (ended, hears):
        os.close(file)
    _, status = os.waitpid(pid, 0)
    return Life(worker, os.WIFSIGNALED(status), lived)


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what workers write is no answer
    for number, line in enumerate(sys.stdin):
        job, from_when, allowed = line.split()
        life = _life_of_a_worker(UUID(job), Moment(from_when), float(allowed), f"worker-{number}")
        answers.write(json.dumps(vars(life)) + "\n")
        answers.flush()
