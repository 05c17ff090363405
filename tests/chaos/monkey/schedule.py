"""The plan carried out: each deed at its time, undone at its time, by the one thread that may start servers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.chaos.monkey.deeds import Kind, NobodyThereError, Wanted, plan
from tests.chaos.monkey.place import Place


@dataclass
class Done:
    """What has been done."""

    counts: Counter[str] = field(default_factory=Counter)
    came_to_nothing: int = 0
    undone_at: list[tuple[float, str]] = field(default_factory=list)
    """When each was over (`time.time`)."""


def carry_out(wanted: Wanted, kinds: Mapping[str, Kind], place: Place, say: Callable[[str], None]) -> Done:
    """Do all of it, and return at the end of the time, when everything is undone."""
    deeds = plan(wanted, kinds)
    done, began, never = Done(), time.monotonic(), threading.Event()
    moments = [(deed.at_seconds, 0, deed) for deed in deeds]
    moments += [(deed.at_seconds + deed.lasts_seconds, 1, deed) for deed in deeds]
    moments.sort(key=lambda moment: (moment[0], moment[2].number, moment[1]))
    running: dict[int, ExitStack] = {}
    with ExitStack() as all_undone:
        for at, is_end, deed in moments:
            never.wait(max(0.0, began + at - time.monotonic()))
            if is_end and deed.number in running:
                running.pop(deed.number).close()
                done.undone_at.append((time.time(), deed.kind))
            elif not is_end:
                one = all_undone.enter_context(ExitStack())
                try:
                    one.enter_context(kinds[deed.kind].act(place, wanted.drawing(f"deed {deed.number}")))
                except NobodyThereError:
                    done.came_to_nothing += 1
                    continue
                running[deed.number] = one
                done.counts[deed.kind] += 1
                lasting = f" for {deed.lasts_seconds:.1f} s" if deed.lasts_seconds else ""
                say(f"{at:7.1f} s  {deed.kind}{lasting}")
        never.wait(max(0.0, began + wanted.seconds - time.monotonic()))
    return done
