"""Mischief with connections, through toxiproxy: to Redis, to PostgreSQL and to vCenter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.chaos.monkey.deeds import Act, Kind
from tests.chaos.monkey.place import Place

TO = {"redis": "Redis", "postgres": "PostgreSQL", "vcenter": "vCenter"}


def cut(to: str) -> Act:
    @contextmanager
    def act(place: Place, _draw: Random) -> Iterator[None]:
        place.proxies[to].cut()
        yield

    return act


def refused(to: str) -> Act:
    @contextmanager
    def act(place: Place, _draw: Random) -> Iterator[None]:
        with place.proxies[to].refused():
            yield

    return act


def swallowed(to: str) -> Act:
    """Let questions or answers vanish, of some connections or of all."""

    @contextmanager
    def act(place: Place, draw: Random) -> Iterator[None]:
        with place.proxies[to].swallowed(draw.choice(["upstream", "downstream"]), of=draw.choice([0.3, 1.0])):
            yield

    return act


def slowed(to: str) -> Act:
    @contextmanager
    def act(place: Place, draw: Random) -> Iterator[None]:
        with place.proxies[to].slowed(draw.choice([20, 100, 500]), 50):
            yield

    return act


def cut_in_the_midst(to: str) -> Act:
    """Cut each connection somewhere in an answer."""

    @contextmanager
    def act(place: Place, draw: Random) -> Iterator[None]:
        with place.proxies[to].cut_after(draw.randint(500, 50_000)):
            yield

    return act


KINDS = {
    name: kind
    for to, called in TO.items()
    for name, kind in {
        f"connections to {called} cut": Kind(cut(to), "", 2),
        f"connections to {called} refused": Kind(refused(to), to, 1, (1, 6)),
        f"connections to {called} swallowed": Kind(swallowed(to), to, 2, (2, 10)),
        f"connections to {called} slowed": Kind(slowed(to), to, 1, (2, 10)),
        f"connections to {called} cut in the midst of answers": Kind(cut_in_the_midst(to), to, 1, (1, 5)),
    }.items()
}
