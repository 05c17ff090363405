"""The API under load: two processes, signed polls and migrations, and a thousand clients that poll meanwhile.

    .venv/bin/python -m bench.load [SECONDS]

Each client of the thousand asks for the result of its job every two seconds, as `cs` does, over a connection that it
keeps; they are a process of their own (`bench.polling`). Nothing else runs: one PostgreSQL that syncs each commit to
the disk, one Valkey, no worker.

Migrations are asked for in two ways: as fast as the answers come, which shows what there is, and in a steady stream,
which shows whether polling slows them while there is time for both. There a call's time begins when it was due, not
when a client was free to make it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count, cycle
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.db import transaction
from app.devstack.ports import free_port
from app.devstack.postgres import Postgres
from app.devstack.programs import Api
from app.devstack.valkey import Valkey
from app.jobs.models import Job
from bench.acceptance import CLIENTS, START_SECONDS, http_client, signed_path, started
from bench.figures import cpu_seconds, machine, save, say, spread, versions
from bench.loose_disks import disks_to_move, environment_of
from migrations.schema import upgrade

PROCESSES = 2
POLLERS = 1000
POLL_SECONDS = 2.0
SECONDS = 20.0
STREAM_PER_SECOND = 20
MOST_JOBS = 6000


def main(seconds: float) -> None:
    """Measure, and keep it."""
    about = machine() | {"versions": versions("vrelocate", "fastapi", "uvicorn")}
    with tempfile.TemporaryDirectory(prefix="vrelocate-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        os.environ["TMPDIR"] = name
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        valkey = stack.enter_context(Valkey(folder / "valkey"))
        environment = environment_of(postgres, valkey)
        upgrade(postgres.url)
        key, secret, volumes, pool = stack.enter_context(disks_to_move(folder, environment, MOST_JOBS))
        ports = [free_port() for _ in range(PROCESSES)]
        pids = []
        for port in ports:
            api = Api(port, environment={**os.environ, **environment}, log=folder / f"api-{port}.log")
            process = stack.enter_context(started(api.launch()))
            process.wait_until(api.answers, timeout_seconds=START_SECONDS)
            pids.append(process.pid)

        def migration(volume: UUID) -> str:
            asked_for = {"command": "migrateVolume", "volumeid": str(volume), "storageid": str(pool)}
            return signed_path(asked_for, key, secret)

        migrations = iter([migration(volume) for volume in volumes])
        rows = {"migrateVolume": asked(ports, pids, migrations, seconds)}
        say(f"migrateVolume: {rows['migrateVolume']}")
        with transaction() as session:
            jobs = list(session.scalars(select(Job.id).order_by(Job.created_at, Job.id).limit(POLLERS)))
        polls = [signed_path({"command": "queryAsyncJobResult", "jobid": str(job)}, key, secret) for job in jobs]
        rows["queryAsyncJobResult"] = asked(ports, pids, cycle(polls), seconds)
        say(f"queryAsyncJobResult: {rows['queryAsyncJobResult']}")
        for what, ask in (("migrateVolume, 20 a second", streamed), ("migrateVolume", asked)):
            if ask is streamed:
                rows[what] = ask(ports, pids, migrations, seconds)
                say(f"{what}: {rows[what]}")
            with polled(folder, ports, polls, seconds) as polling:
                rows[f"{what}, while 1,000 clients poll"] = ask(ports, pids, migrations, seconds)
            rows[f"{what}: their polls"] = polling
            say(f"{what}, while polled: {rows[f'{what}, while 1,000 clients poll']} and {polling}")
        with transaction() as session:
            accepted = session.scalars(select(func.count()).select_from(Job)).one()
    made = sum(row["count"] for name, row in rows.items() if name.startswith("migrateVolume") and "polls" not in name)
    if accepted != made:
        raise SystemExit(f"{accepted} jobs are there, and {made} calls were answered")
    settings = {"processes": PROCESSES, "clients": CLIENTS, "pollers": POLLERS, "poll_seconds": POLL_SECONDS}
    settings["stream_per_second"] = STREAM_PER_SECOND
    save("load", {"machine": about, **settings, "rows": rows})


def asked(ports: Sequence[int], pids: Sequence[int], paths: Iterator[str], seconds: float) -> dict[str, Any]:
    """Ask from several clients, half of them at each process, for so long; return how fast the answers came."""
    end = time.perf_counter() + seconds

    def some(port: int) -> list[float]:
        ask, took = http_client(port)(), []
        while time.perf_counter() < end:
            path = next(paths, None)
            if path is None:
                raise SystemExit("there are too few volumes for so fast an API: raise MOST_JOBS")
            began = time.perf_counter()
            ask(path)
            took.append(time.perf_counter() - began)
        return took

    return by_clients(some, ports, pids)


def streamed(ports: Sequence[int], pids: Sequence[int], paths: Iterator[str], seconds: float) -> dict[str, Any]:
    """Ask `STREAM_PER_SECOND` times a second, whatever the answers take; return how long they took."""
    start, numbers = time.perf_counter(), count()

    def some(port: int) -> list[float]:
        ask, took = http_client(port)(), []
        while (due := start + next(numbers) / STREAM_PER_SECOND) < start + seconds:
            time.sleep(max(0.0, due - time.perf_counter()))
            ask(next(paths))
            took.append(time.perf_counter() - due)
        return took

    return by_clients(some, ports, pids)


def by_clients(some: Callable[[int], list[float]], ports: Sequence[int], pids: Sequence[int]) -> dict[str, Any]:
    """Let clients ask, half of them at each process; return how fast the answers came."""
    cpu, began = cpu_seconds(pids), time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        taken = [one for lot in pool.map(some, [ports[n % len(ports)] for n in range(CLIENTS)]) for one in lot]
    passed = time.perf_counter() - began
    return {
        "per_second": round(len(taken) / passed, 1),
        **spread(taken),
        "cpu_ms_each": round((cpu_seconds(pids) - cpu) / len(taken) * 1000, 3),
    }


@contextmanager
def polled(folder: Path, ports: Sequence[int], polls: Sequence[str], seconds: float) -> Iterator[dict[str, Any]]:
    """Have all clients poll for the length of the block; afterwards what is given says how that went."""
    asked_for = folder / "polls.json"
    what = {"ports": list(ports), "paths": list(polls), "every": POLL_SECONDS, "seconds": seconds}
    asked_for.write_text(json.dumps(what), encoding="utf-8")
    polling = subprocess.Popen([sys.executable, "-m", "bench.polling", asked_for], stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = {}
    try:
        if not polling.stdout or polling.stdout.readline() != "connected\n":
            raise SystemExit("the clients that poll have not come up")
        yield told
        told |= json.loads(polling.stdout.read())
    finally:
        polling.kill()
        polling.wait()


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else SECONDS)
