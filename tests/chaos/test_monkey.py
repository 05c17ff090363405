"""A short run of the monkey; `make chaos` does long ones (docs/chaos.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.monkey.deeds import Wanted
from tests.chaos.monkey.report import say, written
from tests.chaos.monkey.run import run
from tests.chaos.monkey.world import SMALL

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

SHORT = Wanted(seed="lychee", seconds=25, size=SMALL, clients=3, pause_seconds=2)


def test_whatever_the_monkey_does_nothing_is_lost_doubled_or_left_over(tmp_path: Path) -> None:
    outcome = run(SHORT, tmp_path, say)
    say("\n".join([written(outcome), *outcome.histories]))
    assert outcome.violations == []
    assert outcome.accepted, "clients were served"
    assert sum(outcome.done.counts.values()) > 10, "there was mischief"
