"""docs/benchmarks.md shows what the committed results say: its figures are measured, not typed."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from bench import table
from bench.figures import RESULTS, kept, spread

pytestmark = pytest.mark.unit


def test_the_page_is_what_the_results_give() -> None:
    assert table.PAGE.read_text(encoding="utf-8") == table.measured(), "run `python -m bench.table`"


def test_results_name_no_place_and_no_host() -> None:
    for file in RESULTS.glob("*.json"):
        text = file.read_text(encoding="utf-8")
        assert json.loads(text)["machine"].keys() >= {"date", "cores", "cpu", "load_average_before", "revision"}
        assert "://" not in text
        assert '"/' not in text, "a path"


def test_a_figure_that_changes_changes_the_page() -> None:
    following, rest, recovery = kept("following"), (kept("acceptance"), kept("load")), kept("recovery")
    faster = deepcopy(following)
    faster["rows"]["vrelocate"][-1]["one_by_one"] |= {"p50_ms": table.HALF_MS - 1, "p99_ms": table.NEARLY_ALL_MS + 1}
    targets = {row[0]: row[-1] for row in table.targets(faster, recovery)}
    assert list(targets.values())[-2:] == ["met", "**missed**"]
    assert table.page(faster, *rest, recovery) != table.page(following, *rest, recovery)


def test_percentiles_are_samples_that_were_measured() -> None:
    hundred = [number / 1000 for number in range(1, 101)]
    assert spread(hundred[::-1]) == {"count": 100, "p50_ms": 50.0, "p99_ms": 99.0, "max_ms": 100.0}
    assert spread([0.002]) == {"count": 1, "p50_ms": 2.0, "p99_ms": 2.0, "max_ms": 2.0}
    assert spread([]) == {"count": 0, "p50_ms": None, "p99_ms": None, "max_ms": None}
