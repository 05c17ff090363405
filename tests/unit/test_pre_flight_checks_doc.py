"""docs/pre-flight-checks.md and the rules agree: which there are, what each does, where it is known from, its test."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from app.migration.checks import RULES, Rule

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pre-flight-checks.md").read_text(encoding="utf-8")
TESTS = "\n".join(
    path.read_text(encoding="utf-8")
    for level in ("unit", "integration")
    for path in sorted((ROOT / "tests" / level).rglob("test_*.py"))
)


def rows() -> dict[str, list[str]]:
    """Return the cells of each check's row."""
    lines = re.findall(r"^\| `(\w+)` \|(.*)\|$", PAGE, re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split(" | ")] for name, cells in lines}


def effect_of(rule: Rule) -> str:
    """Return what the objections that a rule's code makes do to a job."""
    code = inspect.getsource(rule)
    effects = []
    if "Objection(" in code:
        effects.append("waits" if "passes=True" in code else "refuses")
    if "warning(" in code:
        effects.append("warns")
    return " or ".join(effects)


def test_every_rule_is_in_the_table_and_nothing_else_is() -> None:
    assert sorted(rows()) == sorted(rule.__name__ for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_table_says_what_a_rule_does_and_what_proves_it(rule: Rule) -> None:
    effect, found, todo, _source, proof = rows()[rule.__name__]
    assert effect == effect_of(rule)
    assert found
    assert todo
    assert f"def {proof.strip('`')}(" in TESTS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_says_where_it_is_known_from(rule: Rule) -> None:
    assert "Source: " in (rule.__doc__ or "") or rule.__name__ == "not_there_already"
