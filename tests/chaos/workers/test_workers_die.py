"""Workers are killed in every step, the watcher is lost, all are drained: every migration ends, each was started once.

The steps go by themselves here: nobody starts a dead worker again but the test.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID

import pytest
from sqlalchemy import select

from app.db import transaction
from app.errors import VrelocateError
from app.hypervisors.commands import CreateWorker
from app.inventory.vcenters import session_to
from app.jobs.models import WatchLease
from app.jobs.states import HELD, JobState
from app.migration.programs import Asked
from app.vsphere.worker_vm import list_workers
from tests.chaos.workers.crew import Crew
from tests.chaos.workers.outcome import all_end, all_succeeded_once, over, running, states
from tests.integration import known
from tests.integration.jobs import rows
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission
from tests.running.faults import Faults
from tests.running.ledger import Ledger
from tests.running.waiting import until

pytestmark = pytest.mark.chaos

Jobs = dict[UUID, str]


@pytest.fixture
def jobs(steps: Steps) -> Jobs:
    """Nine migrations, a dozen seconds for all of them; with eight slots a pool one waits in line."""
    vms = [f"vm-{n:02}" for n in range(1, 8)]
    disks = [f"[old] loose/data-{n:02}.vmdk" for n in range(1, 3)]
    return {steps.ask_vm(name, "new"): name for name in vms} | {steps.ask_disk(path, "new"): path for path in disks}


def nothing_copied(steps: Steps) -> AbstractContextManager[None]:
    """Hold up what is copied, so that nothing ends meanwhile, however long it takes until everything runs."""
    return Faults(steps.vcenter).stalled("old", "45MB/s")


def watcher() -> str | None:
    with transaction() as session:
        return session.scalars(select(WatchLease.owner)).one_or_none()


@contextmanager
def inventory_read_all_the_while(steps: Steps) -> Iterator[None]:
    """Let somebody sync again and again; neither side may make the other one fail.

    Half of the time, for the other half of this processor is the workers'.
    """
    over, failed = threading.Event(), []

    def read() -> None:
        while not over.is_set():
            began = time.thread_time()
            try:
                known.sync(steps.vcenter_id)
            except VrelocateError as error:
                failed.append(str(error))
            over.wait(time.thread_time() - began)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        over.set()
        reader.join(60)
    assert failed == []


def test_workers_are_killed_again_and_again(steps: Steps, crew: Crew) -> None:
    """In whatever step they are: migrations of milliseconds are submitted and verified all the time."""
    vms = [f"quick-{n:02}" for n in range(1, 21)]
    disks = [f"[quick] loose/data-{n:02}.vmdk" for n in range(1, 11)]
    jobs = {steps.ask_vm(name, "quicker"): name for name in vms}
    jobs |= {steps.ask_disk(path, "quicker"): path for path in disks}
    finished = 0
    with inventory_read_all_the_while(steps):
        for _ in range(2):
            crew.start(2)
            # Some more are done, so they are in the middle of others.
            some_more = min(finished + 1, len(jobs))
            until(lambda wanted=some_more: over(jobs) >= wanted, 60, "some more are done")  # type: ignore[misc]  # mypy#4964
            crew.kill_all()
            finished = over(jobs)
        crew.begin(2)
        all_end(jobs, 60)
    all_succeeded_once(steps, jobs)
    assert {attempt.outcome for job_id in jobs for attempt in rows.attempts(job_id)} == {"succeeded"}


def test_workers_are_killed_while_worker_vms_carry_disks(steps: Steps, crew: Crew) -> None:
    """Five commands a disk, any of which may be the last of a process; no worker VM is left, no disk moves twice."""
    jobs = {steps.ask_disk(f"[quick] loose/thin-{n:02}.vmdk", "quicker"): n for n in range(1, 9)}
    for killed in range(3):
        crew.start(2)
        until(lambda wanted=killed + 1: over(jobs) >= wanted, 60, "some more are done")  # type: ignore[misc]  # mypy#4964
        crew.kill_all()
    crew.begin(2)
    all_end(jobs, 120)
    assert states(jobs) == {JobState.SUCCEEDED: len(jobs)}
    assert admission() == NOTHING_TAKEN
    relocated = Ledger(steps.vcenter).of("RelocateVM_Task")
    assert sorted(relocated) == sorted(worker_of(job_id) for job_id in jobs)
    assert {(of["started"], of["succeeded"]) for of in relocated.values()} == {(1, 1)}
    assert list_workers(session_to(steps.vcenter_id)) == []
    assert {known.volume(f"[quicker] loose/thin-{n:02}.vmdk").format for n in jobs.values()} == {"thin"}


def worker_of(job_id: UUID) -> str:
    """The name of the worker VM that carried a job's disk."""
    [name] = {
        command.name
        for command in (Asked.of(task).command for task in rows.tasks(job_id) if task.state != "abandoned")
        if isinstance(command, CreateWorker)
    }
    return name


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_watcher_is_lost_and_another_takes_its_place(
    steps: Steps, jobs: Jobs, crew: Crew, number: signal.Signals
) -> None:
    """One that is paused comes back and must not disturb."""
    with nothing_copied(steps):
        crew.start(2)
        first = until(watcher, 60, "somebody watches")
        assert first
        until(lambda: running(jobs) >= 5, 60, "relocations run")
    lost = crew.named(first)
    os.kill(lost.pid, number)
    until(lambda: watcher() not in {first, None}, 30, "another one watches")
    if number is signal.SIGSTOP:
        os.kill(lost.pid, signal.SIGCONT)
    all_end(jobs, 60)
    all_succeeded_once(steps, jobs)
    assert len(crew.alive) == (2 if number is signal.SIGSTOP else 1)


def test_a_worker_that_is_asked_to_stop_leaves_nothing_undone(steps: Steps, jobs: Jobs, crew: Crew) -> None:
    """SIGTERM drains: it exits cleanly, holds nothing, and whoever is left goes on without waiting for a lease."""
    with nothing_copied(steps):
        both = crew.start(2)
        until(lambda: running(jobs) >= 5, 60, "relocations run")
    for process in both:
        process.ask_to_stop()
    for process in both:
        assert process.wait(20), "it drains within seconds"
        assert process.end() == "exited with status 0", process.last_words()
    assert not states(jobs).keys() & HELD
    assert watcher() is None
    crew.begin(1)
    all_end(jobs, 60)
    all_succeeded_once(steps, jobs)
