"""What the pages say is so: commands that can be typed, links that lead somewhere, every setting and log event."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic_core import PydanticUndefined

from app.cli.main import app
from app.settings import Settings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SOURCES = [path for name in ("app", "workers", "migrations") for path in sorted((ROOT / name).rglob("*.py"))]
CODE = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)

OPERATORS = {">", ">>", "|", "&&", "&", ";"}


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command in a page's shell blocks, as a shell would split them."""
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            words: list[str] = []
            for word in [*shlex.split(line, comments=True), ";"]:
                if word not in OPERATORS:
                    words.append(word)
                elif words:
                    yield words
                    words = []


SHOWN = [(page.relative_to(ROOT).as_posix(), words) for page in PAGES for words in commands(page)]
OURS = [
    pytest.param(words[words.index("vrelocate") + 1 :], id=f"{page}: {' '.join(words)[:60]}")
    for page, words in SHOWN
    if "vrelocate" in words
]


@pytest.mark.parametrize("arguments", OURS)
def test_a_vrelocate_command_in_a_page_can_be_typed(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VRELOCATE_STATE_DIR", raising=False)
    command: Any = typer.main.get_command(app)
    context = command.make_context("vrelocate", list(arguments))
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)
    assert command.callback


def test_the_targets_and_variables_of_make_in_the_pages_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^\.PHONY: (\S+)$", makefile, re.MULTILINE))
    shown = {word for _, words in SHOWN if words[0] == "make" for word in words[1:]}
    set_there = {word.partition("=")[0] for word in shown if "=" in word}
    assert {"demo", "test"} <= {word for word in shown if "=" not in word} <= targets
    assert set_there <= set(re.findall(r"\$\((?:if )?(\w+)", makefile))


def test_the_scripts_in_the_pages_exist() -> None:
    shown = {words[0] for _, words in SHOWN if words[0].startswith("scripts/")}
    assert shown
    assert [script for script in shown if not (ROOT / script).is_file()] == []


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.is_file(), target
        assert not anchor or anchor in anchors(there), target


def test_pages_that_the_code_names_exist() -> None:
    simulator = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "simulator").rglob("*.go"))
    named = set(re.findall(r"\bdocs/[\w/-]+(?:\.md)?", CODE + simulator))
    assert [name for name in named if not list(ROOT.glob(f"{name}*"))] == []


def table(title: str) -> dict[str, list[str]]:
    """Return the rows of the first table below a heading of the operations page, by their first cell."""
    section = OPERATIONS.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert lines, title
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[0].splitlines()[2:]]
    return {first: rest for first, *rest in cells}


def test_every_setting_is_in_the_table_with_its_default() -> None:
    told = {name.strip("`"): default for name, (default, _) in table("Settings").items()}
    fields = Settings.model_fields
    assert list(told) == [f"VRELOCATE_{name.upper()}" for name in fields]
    for name, field in fields.items():
        if field.default is PydanticUndefined:
            default = "required"
        else:
            default = "" if field.default is None else f"`{field.default}`"
        assert told[f"VRELOCATE_{name.upper()}"] == default, name


def test_every_variable_that_the_code_reads_is_explained() -> None:
    read = set(re.findall(r"\bVRELOCATE_[A-Z_]+[A-Z]\b", CODE))
    assert read
    assert sorted(name for name in read if f"`{name}`" not in OPERATIONS) == []


def test_every_event_of_the_log_is_explained() -> None:
    logged = re.findall(r"\blog\.\w+\(\s*\"(\w+\.\w+)\"(?: if \w+ else \"(\w+\.\w+)\")?", CODE)
    explained = {name for cell in table("Logs") for name in re.findall(r"`([^`]+)`", cell)}
    assert explained == {name for names in logged for name in names if name}


def test_the_index_of_decisions_has_each_of_them_once() -> None:
    folder = ROOT / "docs" / "adr"
    index = re.findall(r"\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert index == sorted(path.name for path in folder.glob("0*.md"))
    for name in index:
        page = (folder / name).read_text(encoding="utf-8")
        assert re.findall(r"^## (.+)$", page, re.MULTILINE) == ["Context", "Decision", "Consequences"], name
