"""Who follows relocations in `bench.following`: vrelocate as its users run it, and peers, each a program beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from cs import CloudStack

from bench import waiters
from bench.figures import cpu_seconds, descent
from tests.running.endings import all_end
from tests.running.up import Up
from tests.running.vcenter import RunningVCenter

_ASKERS = 4
_UNLIMITED = "100000"
_ENDS = """
    SELECT v.name, extract(epoch FROM j.finished_at)::float8, extract(epoch FROM max(t.settled_at))::float8
    FROM job j JOIN virtual_machine v ON v.id = j.resource_id JOIN outside_task t ON t.job_id = j.id
    WHERE j.state = 'succeeded' GROUP BY j.id, v.name
"""
_FAILURES = "SELECT count(*) FROM job WHERE state IN ('failed', 'cancelled')"


class Contestant(ABC):
    """Begins relocations, and knows their ends sooner or later."""

    @abstractmethod
    def begin(self, vms: Sequence[str], to: str) -> None:
        """Have VMs relocated to a datastore; returns when all of it was asked for."""

    @abstractmethod
    def ends(self) -> dict[str, float]:
        """Return when it knew of each end, by the VM's name, in seconds of the epoch."""

    def noticed(self) -> dict[str, float]:
        """Return when it first heard of each end, where that is not the same."""
        return {}

    @abstractmethod
    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds used so far by each of its parts."""


class Vrelocate(Contestant):
    """`vrelocate up`: a database, a broker, an API, two workers."""

    def __init__(self, ready: dict[str, Any]) -> None:
        """`ready` is what the ready file says."""
        self._ready = ready
        self._database = psycopg.connect(ready["database_url"], autocommit=True)
        client = self._client()
        pools = client.listStoragePools(fetch_list=True)
        self._pools: dict[str, str] = {pool["name"]: pool["id"] for pool in pools}
        machines = client.listVirtualMachines(fetch_list=True)
        self._machines: dict[str, str] = {vm["name"]: vm["id"] for vm in machines}

    def _client(self) -> CloudStack:
        ready = self._ready
        return CloudStack(endpoint=ready["api_url"], key=ready["api_key"], secret=ready["secret_key"])

    def begin(self, vms: Sequence[str], to: str) -> None:
        """Ask over the API, as clients do: several at once."""

        def ask(some: Sequence[str]) -> None:
            client = self._client()
            for vm in some:
                client.migrateVirtualMachine(
                    virtualmachineid=self._machines[vm], storageid=self._pools[to], fetch_result=False
                )

        with ThreadPoolExecutor(_ASKERS) as pool:
            list(pool.map(ask, [vms[first::_ASKERS] for first in range(_ASKERS)]))

    def ends(self) -> dict[str, float]:
        """Return when each job was finished, by the database's clock."""
        return {name: finished for name, finished, _ in self._rows()}

    def noticed(self) -> dict[str, float]:
        """Return when the watcher wrote down that vCenter's task is over."""
        return {name: settled for name, _, settled in self._rows()}

    def _rows(self) -> list[tuple[str, float, float]]:
        failed = self._database.execute(_FAILURES).fetchone()
        if failed and failed[0]:
            raise SystemExit(f"{failed[0]} migrations have failed: the figures would be of something else")
        return list(self._database.execute(_ENDS))

    def cpu(self) -> dict[str, float]:
        """Return what API, workers and servers have used."""
        pids = self._ready["pids"]
        return {
            "workers": cpu_seconds(pids["workers"]),
            "API": cpu_seconds([pids["api"]]),
            "PostgreSQL": cpu_seconds([pids["postgres"]]),
            "Valkey": cpu_seconds([pids["valkey"]]),
        }


class Peer(Contestant):
    """A program of `bench.waiters`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """`process` is the program, which has just been started."""
        if process.stdin is None or process.stdout is None:
            raise ValueError("it is spoken to through pipes")
        self._process, self._lots, self._told = process, process.stdin, process.stdout
        self._ends: dict[str, float] = {}
        if not self._told.readline():
            raise SystemExit(f"{process.args!r} has ended with status {process.wait(10)}")
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._told:
            told = json.loads(line)
            if "at" in told:
                self._ends[told["vm"]] = told["at"]
            else:
                print(told, file=sys.stderr)

    def begin(self, vms: Sequence[str], to: str) -> None:
        """Give it the VMs: it begins all of them as fast as it can."""
        self._lots.write(json.dumps({"vms": list(vms), "to": to}) + "\n")
        self._lots.flush()

    def ends(self) -> dict[str, float]:
        """Return when it told of each end."""
        return dict(self._ends)

    def cpu(self) -> dict[str, float]:
        """Return what it and its children have used."""
        return {"process": cpu_seconds([self._process.pid])}


@contextmanager
def vrelocate(folder: Path, vcenter: RunningVCenter) -> Iterator[Contestant]:
    """Run vrelocate with two workers, its own bounds out of the way, and no inventory read while it is measured."""
    up = Up(folder, "--vcenter", vcenter.url, "--username", vcenter.username, "--thumbprint", vcenter.thumbprint)
    slots = {f"VRELOCATE_SLOTS_PER_{what}": _UNLIMITED for what in ("VCENTER", "HOST", "SOURCE_POOL", "TARGET_POOL")}
    ready = up.start(VRELOCATE_VCENTER_PASSWORD=vcenter.password, VRELOCATE_SYNC_INTERVAL_SECONDS="86400", **slots)
    try:
        yield Vrelocate(ready)
    finally:
        up.stop()


@contextmanager
def peer(name: str, folder: Path, vcenter: RunningVCenter) -> Iterator[Contestant]:
    """Run one of the peers; what it has not ended is ended with it."""
    environment = {
        **os.environ,
        waiters.URL: vcenter.url,
        waiters.USERNAME: vcenter.username,
        waiters.PASSWORD: vcenter.password,
        "TMPDIR": str(folder),
    }
    with (folder / f"{name}.log").open("w", encoding="utf-8") as log, subprocess.Popen(
        [sys.executable, "-m", "bench.waiters", name],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
    ) as process:  # fmt: skip
        try:
            yield Peer(process)
        finally:
            members = descent(process.pid)
            for member in members:
                _kill(member)
            all_end(members[1:], 30)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return
