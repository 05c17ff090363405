"""docs/situations.md and the tests agree: what it names exists, and what proves a situation is named."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "situations.md").read_text(encoding="utf-8")
HEADINGS = [
    *("VMs", "Volumes", "Strategies and gurus", "Storage migration", "Pre-flight checks", "Inventory drift", "Verify"),
    *("Faults", "Stopping", "Whatever happens", "On plain vcsim"),
]
PROVING = ["checks", "faults", "kvm", "programs", "random", "storage", "test_drift.py", "test_faults.py"]
"""Below tests/integration/migration: each test there takes a migration through a situation."""
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def _tests_in(path: Path) -> set[str]:
    """Return the names of a file's tests."""
    parsed = ast.parse(path.read_text(encoding="utf-8"))
    return {it.name for it in parsed.body if isinstance(it, ast.FunctionDef) and it.name.startswith("test_")}


def rows() -> list[list[str]]:
    """Return the cells of every row that names tests."""
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines() if line[:1] == "|"]
    return [cells for cells in found if _TEST.search(cells[-1])]


def named() -> set[tuple[str, str]]:
    """Return every test that the page names, by its file; a file stands for all of its tests."""
    found: set[tuple[str, str]] = set()
    for path, name in _TEST.findall(PAGE):
        tests = {name} if name else _tests_in(ROOT / path) if (ROOT / path).exists() else {"is not there"}
        found |= {(path, test) for test in tests}
    return found


def test_it_has_every_heading() -> None:
    assert re.findall(r"^## (.+)$", PAGE, re.MULTILINE) == HEADINGS


def test_every_situation_has_what_is_done_and_what_proves_it() -> None:
    assert len(rows()) > 70
    assert [cells for cells in rows() if len(cells) != 3 or not all(cells)] == []


def test_the_tests_that_it_names_exist() -> None:
    there = {path: _tests_in(ROOT / path) for path, _ in named() if (ROOT / path).exists()}
    assert sorted((path, test) for path, test in named() if test not in there.get(path, ())) == []


def test_every_test_that_proves_a_situation_is_named() -> None:
    folder = ROOT / "tests" / "integration" / "migration"
    files = [
        path
        for name in PROVING
        for path in ([folder / name] if name.endswith(".py") else sorted((folder / name).rglob("test_*.py")))
    ]
    proving = {(str(path.relative_to(ROOT)), test) for path in files for test in _tests_in(path)}
    assert sorted(proving - named()) == []
