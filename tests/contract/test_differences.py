"""The list of what plain vcsim does otherwise names tests that exist, and the page shows it as it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.contract.differences import PLAIN_DIFFERS, as_table

pytestmark = pytest.mark.unit

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "simulator-fidelity.md"


@pytest.mark.parametrize("key", sorted(PLAIN_DIFFERS))
def test_a_test_that_is_listed_exists(key: str) -> None:
    path, _, name = key.partition("::")
    module = ast.parse((HERE / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in module.body if isinstance(node, ast.FunctionDef)}


def test_the_page_shows_the_list() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("\n## Against plain vcsim\n")[2].partition("\n## ")[0]
    assert as_table() in section, "python -m tests.contract.differences prints what belongs there"
