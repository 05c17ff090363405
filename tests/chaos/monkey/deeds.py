"""The plan: which kinds of mischief there are, and when each is done for how long, drawn from the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random

from tests.chaos.monkey.place import Place
from tests.chaos.monkey.world import Size

Act = Callable[[Place, Random], AbstractContextManager[None]]
"""Does it, and undoes it at the end of the block."""


class NobodyThereError(Exception):
    """There was nothing to do it to just now: a worker that is being started again, say."""


@dataclass(frozen=True)
class Kind:
    """One kind of mischief."""

    act: Act
    touches: str
    """No two at once of those that touch the same thing; what is empty touches nothing for longer than a moment."""
    weight: int = 1
    seconds: tuple[float, float] = (0, 0)
    """How long it lasts, at least and at most."""


@dataclass(frozen=True)
class Deed:
    """One mischief at its time."""

    number: int
    kind: str
    at_seconds: float
    """From the beginning."""
    lasts_seconds: float


@dataclass(frozen=True)
class Wanted:
    """How one run is to be."""

    seed: str
    seconds: float
    """Of mischief; everything is undone by then."""
    size: Size
    clients: int
    pause_seconds: float
    """Between two kinds of mischief, in the mean."""

    def drawing(self, what: str) -> Random:
        """Return the source of chance for one actor: the same for the same seed, whatever others draw."""
        return Random(f"{self.seed} {what}")  # noqa: S311  # nothing is kept secret with it


def plan(wanted: Wanted, kinds: Mapping[str, Kind]) -> list[Deed]:
    """Draw what is done when."""
    draw, seconds, pause_seconds = wanted.drawing("plan"), wanted.seconds, wanted.pause_seconds
    busy_until: dict[str, float] = {}
    deeds: list[Deed] = []
    names, weights = list(kinds), [kind.weight for kind in kinds.values()]
    at = draw.expovariate(1 / pause_seconds)
    while at < seconds:
        [name] = draw.choices(names, weights)
        kind, lasts = kinds[name], draw.uniform(*kinds[name].seconds)
        if busy_until.get(kind.touches, 0) <= at and at + lasts <= seconds:
            deeds.append(Deed(len(deeds), name, round(at, 2), round(lasts, 2)))
            if kind.touches:
                busy_until[kind.touches] = at + lasts
            at += draw.expovariate(1 / pause_seconds)
        else:
            at += pause_seconds / 10
    return deeds
