"""Mischief with processes: workers, the API and the watcher are killed, paused and drained; servers are restarted."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import psycopg

from tests.chaos.monkey.deeds import Act, Kind, NobodyThereError
from tests.chaos.monkey.place import Place

Choose = Callable[[Place, Random], list[int]]
WATCHER = "SELECT owner FROM watch_lease WHERE expires_at > now()"


def one_worker(place: Place, draw: Random) -> list[int]:
    return [draw.choice(found)] if (found := place.workers()) else []


def every_worker(place: Place, _draw: Random) -> list[int]:
    return place.workers()


def the_api(place: Place, _draw: Random) -> list[int]:
    return place.api()


def the_watcher(place: Place, _draw: Random) -> list[int]:
    """Find it by its lease: `worker-1@host:pid:…`; while PostgreSQL is away there is none to be found."""
    try:
        with place.connect() as connection:
            owners = [str(owner) for (owner,) in connection.execute(WATCHER).fetchall()]
    except psycopg.OperationalError:
        return []
    return [pid for pid in place.workers() if any(f":{pid}:" in owner for owner in owners)]


def signalled(number: signal.Signals, choose: Choose) -> Act:
    """Send it once."""

    @contextmanager
    def act(place: Place, draw: Random) -> Iterator[None]:
        if not any([place.kill(pid, number) for pid in choose(place, draw)]):  # noqa: C419  # all of them
            raise NobodyThereError
        yield

    return act


def paused(choose: Choose) -> Act:
    """Stop them for as long as it lasts."""

    @contextmanager
    def act(place: Place, draw: Random) -> Iterator[None]:
        stopped = [pid for pid in choose(place, draw) if place.kill(pid, signal.SIGSTOP)]
        if not stopped:
            raise NobodyThereError
        try:
            yield
        finally:
            for pid in stopped:
                place.kill(pid, signal.SIGCONT)

    return act


# -- servers: started from the main thread, where all mischief is done ------------------------------------------------


@contextmanager
def valkey_away(place: Place, _draw: Random) -> Iterator[None]:
    place.valkey.process.kill()
    try:
        yield
    finally:
        place.valkey.start()


@contextmanager
def valkey_empty(place: Place, _draw: Random) -> Iterator[None]:
    place.valkey.process.kill()
    try:
        yield
    finally:
        shutil.rmtree(place.valkey.folder / "appendonlydir", ignore_errors=True)
        place.valkey.start()


@contextmanager
def postgres_killed(place: Place, _draw: Random) -> Iterator[None]:
    place.postgres.process.kill()
    try:
        yield
    finally:
        place.postgres.start()


@contextmanager
def postgres_stopped(place: Place, _draw: Random) -> Iterator[None]:
    place.postgres.stop()
    try:
        yield
    finally:
        place.postgres.start()


KINDS = {
    "a worker killed": Kind(signalled(signal.SIGKILL, one_worker), "", 8),
    "every worker killed": Kind(signalled(signal.SIGKILL, every_worker), "", 1),
    "the watcher killed": Kind(signalled(signal.SIGKILL, the_watcher), "", 3),
    "the API killed": Kind(signalled(signal.SIGKILL, the_api), "", 3),
    "a worker drained": Kind(signalled(signal.SIGTERM, one_worker), "", 3),
    "a worker paused": Kind(paused(one_worker), "workers", 4, (1, 15)),
    "the watcher paused": Kind(paused(the_watcher), "workers", 2, (3, 12)),
    "the API paused": Kind(paused(the_api), "api", 2, (1, 10)),
    "Valkey restarted": Kind(valkey_away, "redis", 2, (0, 4)),
    "Valkey restarted without its data": Kind(valkey_empty, "redis", 2, (0, 4)),
    "PostgreSQL killed": Kind(postgres_killed, "postgres", 2, (0, 2)),
    "PostgreSQL restarted": Kind(postgres_stopped, "postgres", 1, (0, 2)),
}
