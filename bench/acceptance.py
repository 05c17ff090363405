"""How many jobs a second are accepted, each durable when the answer comes; Procrastinate and Celery in the same run.

    .venv/bin/python -m bench.acceptance [JOBS]

One API process, one PostgreSQL (as it is: each commit is on the disk), one Valkey, no worker: only acceptance is
measured. Eight clients with connections that are kept ask for the migration of detached disks, each of another one.
The peers do the same behind a minimal application (`bench.deferring`), and once more without HTTP, from eight threads.
"""

from __future__ import annotations

import http.client
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from sqlalchemy import func, select

from app.access.signature import sign
from app.db import transaction
from app.devstack.ports import LOOPBACK, free_port
from app.devstack.postgres import Postgres
from app.devstack.processes import Process, Program
from app.devstack.programs import Api
from app.devstack.valkey import Valkey
from app.jobs.models import Job
from bench import deferring
from bench.figures import cpu_seconds, machine, save, say, spread, versions
from bench.loose_disks import disks_to_move, environment_of
from migrations.schema import upgrade

JOBS = 2000
CLIENTS = 8
WARM_UP = 50
START_SECONDS = 60

Ask = Callable[[str], None]
"""Asks once; its argument says what for."""


def main(jobs: int) -> None:
    """Measure, and keep it."""
    about = machine() | {"versions": versions("vrelocate", "fastapi", "uvicorn", "celery", "procrastinate")}
    with tempfile.TemporaryDirectory(prefix="vrelocate-bench-") as name:
        folder = Path(name)
        os.environ["TMPDIR"] = name
        with Postgres(folder / "postgres") as postgres, Valkey(folder / "valkey") as valkey:
            servers = [postgres.process.pid, valkey.process.pid]
            rows = {"vrelocate": vrelocate(folder, postgres, valkey, jobs, servers)}
            say(f"vrelocate: {rows['vrelocate']}")
            for peer in deferring.PEERS:
                url = fresh_database(postgres, peer)
                os.environ |= {deferring.DATABASE: url, deferring.BROKER: valkey.url.replace("/0", "/1")}
                if peer == "procrastinate":
                    deferring.prepare_procrastinate()
                rows[peer] = behind_http(folder, peer, jobs, servers)
                defer = deferring.PEERS[peer]()
                rows[f"{peer}, no HTTP"] = direct(defer, jobs, servers)
                say(f"{peer}: {rows[peer]} and {rows[f'{peer}, no HTTP']}")
    save("acceptance", {"machine": about, "jobs": jobs, "clients": CLIENTS, "rows": rows})


def vrelocate(folder: Path, postgres: Postgres, valkey: Valkey, jobs: int, servers: Sequence[int]) -> dict[str, Any]:
    """Accept migrations of so many disks."""
    upgrade(postgres.url)
    environment = environment_of(postgres, valkey)
    with disks_to_move(folder, environment, jobs + WARM_UP) as (key, secret, volumes, pool):
        port = free_port()
        api = Api(port, environment={**os.environ, **environment}, log=folder / "api.log")
        with started(api.launch()) as process:
            process.wait_until(api.answers, timeout_seconds=START_SECONDS)
            signed = [
                signed_path({"command": "migrateVolume", "volumeid": str(one), "storageid": str(pool)}, key, secret)
                for one in volumes
            ]
            figures = asked_by_clients(http_client(port), signed, [process.pid], servers)
        with transaction() as session:
            accepted = session.scalar(select(func.count()).select_from(Job))
    if accepted != len(volumes):
        raise SystemExit(f"{accepted} jobs are there, and {len(volumes)} were asked for")
    return figures


def behind_http(folder: Path, peer: str, jobs: int, servers: Sequence[int]) -> dict[str, Any]:
    """Defer so many jobs behind the minimal application."""
    port = free_port()
    argv = [sys.executable, "-m", "bench.deferring", peer, str(port)]
    program = Program(name=peer, argv=argv, log=folder / f"{peer}.log", environment=dict(os.environ))
    paths = [f"/defer?{urlencode({'volume': f'volume-{n}', 'pool': 'new'})}" for n in range(jobs + WARM_UP)]
    with started(Process(program)) as process:
        process.wait_until(partial(listens, port), timeout_seconds=START_SECONDS)
        return asked_by_clients(http_client(port), paths, [process.pid], servers)


def direct(defer: deferring.Defer, jobs: int, servers: Sequence[int]) -> dict[str, Any]:
    """Defer so many jobs from threads of this process."""

    def ask(what: str) -> None:
        defer(what, "new")

    return asked_by_clients(lambda: ask, [f"volume-{n}" for n in range(jobs + WARM_UP)], [os.getpid()], servers)


def asked_by_clients(
    client: Callable[[], Ask], asked: Sequence[str], process: Sequence[int], servers: Sequence[int]
) -> dict[str, Any]:
    """Ask for everything from several threads; return how fast that was, and what it cost."""

    def some(what: Sequence[str]) -> list[float]:
        ask, took = client(), []
        for one in what:
            began = time.perf_counter()
            ask(one)
            took.append(time.perf_counter() - began)
        return took

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(some, [asked[first:WARM_UP:CLIENTS] for first in range(CLIENTS)]))
        rest = asked[WARM_UP:]
        cpu, of_servers, began = cpu_seconds(process), cpu_seconds(servers), time.perf_counter()
        taken = list(pool.map(some, [rest[first::CLIENTS] for first in range(CLIENTS)]))
        seconds = time.perf_counter() - began
    return {
        "per_second": round(len(rest) / seconds, 1),
        **spread([one for lot in taken for one in lot]),
        "cpu_ms_each": round((cpu_seconds(process) - cpu) / len(rest) * 1000, 3),
        "servers_cpu_ms_each": round((cpu_seconds(servers) - of_servers) / len(rest) * 1000, 3),
    }


def http_client(port: int) -> Callable[[], Ask]:
    """Return what makes clients, each with a connection that is kept."""

    def made() -> Ask:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)

        def ask(path: str) -> None:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != http.HTTPStatus.OK:
                raise SystemExit(f"{answer.status}: {text.decode()[:300]}")

        return ask

    return made


def signed_path(arguments: Mapping[str, str], api_key: str, secret: str) -> str:
    """Return a signed call, ready to be sent."""
    parameters = {"response": "json", "apikey": api_key, **arguments}
    return f"/client/api?{urlencode({**parameters, 'signature': sign(parameters, secret)})}"


def listens(port: int) -> bool:
    """Tell whether somebody answers there."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def fresh_database(postgres: Postgres, name: str) -> str:
    """Make a database of the same server; return its URL."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return postgres.url_of(name)


@contextmanager
def started(process: Process) -> Iterator[Process]:
    """Stop a process at the end."""
    try:
        yield process
    finally:
        process.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else JOBS)
