"""Processes are killed while vCenter relocates: everything is finished all the same, and once."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.chaos.conftest import Target
from tests.running.endings import all_end
from tests.running.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

AFTER_VCENTER_SECONDS = 30
"""Jobs are over so long after vCenter's own end at the latest (law 1: the sweep; law 2: leases run out)."""


def kill(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        os.kill(pid, number)


def test_every_worker_is_killed_while_relocations_run(target: Target) -> None:
    names = ["vm-01", "vm-02", "vm-03", "vm-04", "data-01", "data-02"]
    jobs = target.migrate(*names)
    target.running(len(names))

    workers = target.up.ready()["pids"]["workers"]
    kill(workers)

    ended = target.over_in_vcenter()
    target.succeed(jobs, ended + AFTER_VCENTER_SECONDS - time.monotonic())
    target.moved_once(*names)
    assert not set(target.up.ready()["pids"]["workers"]) & set(workers)


def test_the_api_is_killed_and_its_jobs_go_on(target: Target) -> None:
    jobs = target.migrate("vm-05")
    target.running(1)

    before = target.up.ready()["pids"]["api"]
    kill([before])

    until(lambda: target.up.ready()["pids"]["api"] != before and answers(target), 60, "the API runs again")
    target.succeed(jobs, 90)
    target.moved_once("vm-05")


def test_the_broker_is_killed_and_what_is_accepted_meanwhile_is_not_lost(target: Target) -> None:
    names = ["vm-06", "vm-07", "data-03"]
    jobs = target.migrate(*names)
    target.running(len(names))
    pids = target.up.ready()["pids"]

    kill([pids["valkey"]])
    jobs += target.migrate("vm-08", "data-04")

    target.succeed(jobs, 120)
    target.moved_once(*names, "vm-08", "data-04")
    after = target.up.ready()["pids"]
    assert after["valkey"] != pids["valkey"]
    # Workers carry on by themselves: none of them had to be started again.
    assert after["workers"] == pids["workers"]


def test_the_database_is_killed_while_relocations_run(target: Target) -> None:
    names = ["vm-09", "vm-10", "data-05"]
    jobs = target.migrate(*names)
    target.running(len(names))
    before = target.up.ready()["pids"]

    kill([before["postgres"]])

    until(lambda: target.up.ready()["pids"]["postgres"] != before["postgres"], 60, "PostgreSQL runs again")
    target.over_in_vcenter()
    until(lambda: answers(target), 60, "the API answers again")
    target.succeed(jobs, 90)
    target.moved_once(*names)
    assert target.up.ready()["pids"]["workers"] == before["workers"]


def answers(target: Target) -> bool:
    try:
        target.client.listZones()
    except Exception:  # noqa: BLE001  # whatever the client makes of an API without its database
        return False
    return True


def test_a_worker_drains_in_seconds_and_its_jobs_are_followed_by_others(target: Target) -> None:
    names = ["vm-11", "vm-12", "data-06"]
    jobs = target.migrate(*names)
    target.running(len(names))

    workers = target.up.ready()["pids"]["workers"]
    kill(workers, signal.SIGTERM)
    all_end(workers, 20)

    ended = target.over_in_vcenter()
    target.succeed(jobs, ended + AFTER_VCENTER_SECONDS - time.monotonic())
    target.moved_once(*names)


def test_a_paused_worker_that_comes_back_changes_nothing(target: Target) -> None:
    """Law 2: its leases and its watch are others' by then, and its writes carry old fences."""
    names = ["vm-13", "vm-14"]
    jobs = target.migrate(*names)
    target.running(len(names))

    paused = target.up.ready()["pids"]["workers"][:1]
    kill(paused, signal.SIGSTOP)
    try:
        target.over_in_vcenter()
        target.succeed(jobs, 60)
    finally:
        kill(paused, signal.SIGCONT)

    jobs = target.migrate("vm-15")
    target.succeed(jobs, 60)
    target.moved_once(*names, "vm-15")
