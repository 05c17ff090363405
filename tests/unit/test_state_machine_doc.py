"""docs/state-machine.md draws the table of legal moves, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.jobs.states import HELD, LEGAL_MOVES, TERMINAL, JobState, cloudstack_status

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[2] / "docs" / "state-machine.md").read_text(encoding="utf-8")
DIAGRAM = PAGE.partition("```mermaid\nstateDiagram-v2\n")[2].partition("```")[0]
LEGAL = [(before, after) for before, moves in LEGAL_MOVES.items() for after in moves]


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its own two lines."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table]


def test_the_diagram_has_exactly_the_legal_moves() -> None:
    arrows = re.findall(r"^ +(\S+) --> (\S+?)(?::.*)?$", DIAGRAM, re.MULTILINE)
    assert len(arrows) == len(DIAGRAM.strip().splitlines())
    drawn = [(before, after) for before, after in arrows if "[*]" not in {before, after}]
    assert sorted(drawn) == sorted(LEGAL)
    assert [after for before, after in arrows if before == "[*]"] == [JobState.QUEUED]
    assert {before for before, after in arrows if after == "[*]"} == TERMINAL


def test_every_move_is_explained_once() -> None:
    assert sorted((before, after) for before, after, *_ in rows("The moves")) == sorted(LEGAL)


def test_moves_that_nobody_makes_yet_are_the_same_in_diagram_and_table() -> None:
    told = {(before, after) for before, after, who, _ in rows("The moves") if who == "nobody yet"}
    drawn = set(re.findall(r"(\S+) --> (\S+): \(not yet\)", DIAGRAM))
    assert told == drawn


def test_every_state_is_explained_with_its_lease_and_its_status_to_clients() -> None:
    told = {name: (lease, status) for name, _, lease, status in rows("The states")}
    assert told == {
        state.value: ("yes" if state in HELD else "no", str(cloudstack_status(state))) for state in JobState
    }
