"""The installation: `vrelocate up` with servers of the monkey's own, and every connection led through toxiproxy."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from app.cli.apiclient import ApiClient
from app.cli.connection import Connection
from app.devstack.postgres import Postgres
from app.devstack.valkey import Valkey
from tests.chaos.monkey.world import Size, write_scenario
from tests.running.endings import family
from tests.running.faults import Faults
from tests.running.ledger import Ledger
from tests.running.toxiproxy import Proxied, running_toxiproxy
from tests.running.up import Up
from tests.running.vcenter import RunningVCenter, running_vcenter

WORKERS = 3
CALL_SECONDS = 8
"""How long a client waits for an answer."""
HASTE = {
    # All that is otherwise a matter of minutes is one of seconds: there is more to break in the same time.
    "VRELOCATE_LEASE_SECONDS": "5",
    "VRELOCATE_SWEEP_INTERVAL_SECONDS": "1",
    "VRELOCATE_WATCH_LEASE_SECONDS": "4",
    "VRELOCATE_WATCH_WAIT_SECONDS": "1",
    "VRELOCATE_RETRY_BASE_SECONDS": "1",
    "VRELOCATE_RETRY_CEILING_SECONDS": "8",
    "VRELOCATE_VCENTER_CALL_TIMEOUT_SECONDS": "10",
    "VRELOCATE_SYNC_INTERVAL_SECONDS": "30",
    "VRELOCATE_JOB_TIMEOUT_SECONDS": "120",
    "NO_PROXY": "127.0.0.1",
}


@dataclass
class Place:
    """What the monkey can reach."""

    folder: Path
    up: Up
    vcenter: RunningVCenter
    postgres: Postgres
    valkey: Valkey
    proxies: dict[str, Proxied]
    """`postgres`, `redis`, `vcenter`."""
    began: float = field(default_factory=time.time)

    @property
    def faults(self) -> Faults:
        return Faults(self.vcenter)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.vcenter)

    @property
    def datastores(self) -> Path:
        """The simulated vCenter's own folder, one folder a datastore."""
        [root] = self.folder.glob("govcsim-*/dc1")
        return root

    def client(self, call_seconds: float = CALL_SECONDS) -> ApiClient:
        """Return a client of its own connection."""
        ready = self.up.ready()
        client = ApiClient(Connection(ready["api_url"], ready["api_key"], ready["secret_key"]))
        client._http.timeout = call_seconds
        return client

    def workers(self) -> list[int]:
        """Return the workers that run just now."""
        return [pid for pid in self.up.ready()["pids"]["workers"] if self.is_ours(pid)]

    def api(self) -> list[int]:
        """Return the API's process, unless it is being started."""
        return [pid for pid in [self.up.ready()["pids"]["api"]] if self.is_ours(pid)]

    def is_ours(self, pid: int) -> bool:
        """Say whether it is a process that `up` has started: numbers are given out again."""
        return pid in family(self.up.process.pid)[1:]

    def kill(self, pid: int, number: int) -> bool:
        """Send a signal; say whether there was somebody to get it."""
        if not self.is_ours(pid):
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Return a connection past the proxies."""
        return psycopg.connect(self.postgres.url, autocommit=True)


@contextmanager
def installed(folder: Path, size: Size, *, seed: int) -> Iterator[Place]:
    """Start everything; at the end everything is stopped, and `up` must end well."""
    scenario = folder / "scenario.json"
    write_scenario(size, scenario)
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", str(folder))
            vcenter = stack.enter_context(running_vcenter(folder, "--scenario", scenario, "--admin", "127.0.0.1:0"))
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        valkey = stack.enter_context(Valkey(folder / "valkey"))
        toxiproxy = stack.enter_context(running_toxiproxy(folder, seed=seed))
        ports = {"postgres": postgres.port, "redis": valkey.port, "vcenter": _port(vcenter.url)}
        proxies = {name: toxiproxy.proxy(name, port) for name, port in ports.items()}
        url = vcenter.url.replace(f":{ports['vcenter']}/", f":{proxies['vcenter'].port}/")
        trusted = ("--username", vcenter.username, "--thumbprint", vcenter.thumbprint)
        up = Up(folder, "--vcenter", url, *trusted, "--workers", str(WORKERS))
        try:
            up.start(
                **HASTE,
                VRELOCATE_VCENTER_PASSWORD=vcenter.password,
                DATABASE_URL=postgres.url.replace(f":{postgres.port}/", f":{proxies['postgres'].port}/"),
                REDIS_URL=valkey.url.replace(f":{valkey.port}/", f":{proxies['redis'].port}/"),
            )
            yield Place(folder, up, vcenter, postgres, valkey, proxies)
        finally:
            ended = _stopped(up)
        assert ended == 0, f"`vrelocate up` ended with {ended}"


def _stopped(up: Up) -> int:
    try:
        return up.stop()
    finally:
        up.process.kill()  # what it has started ends with it


def _port(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])
