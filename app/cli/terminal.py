"""Standard output for results, standard error for everything said on the way to them.

Results are one JSON document with `--json`, tables for people otherwise. What is not a terminal gets neither colours
nor lines that are redrawn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP = 1024


def stdout() -> Console:
    """Return the console of results. Made anew, for tests and pipes swap `sys.stdout`."""
    return Console(highlight=False, soft_wrap=True)


def stderr() -> Console:
    """Return the console of progress and errors."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def complain(text: str) -> None:
    """Write a red line to standard error; what follows its first line (a log's last words) stays as it is."""
    line, _, evidence = text.strip().partition("\n")
    console = stderr()
    console.print(f"error: {line}", style="red", markup=False)
    if evidence:
        console.print(evidence, markup=False)


def say(text: str) -> None:
    """Write one line of what goes on to standard error."""
    stderr().print(text, markup=False)


def show(text: str) -> None:
    """Write one line of result to standard output."""
    stdout().print(text, markup=False)


def show_json(document: object) -> None:
    """Write one indented JSON document to standard output."""
    stdout().print(json.dumps(document, indent=2, ensure_ascii=False, default=str), markup=False)


def show_json_line(document: object) -> None:
    """Write one JSON object in one line to standard output."""
    stdout().print(json.dumps(document, ensure_ascii=False, default=str), markup=False)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Write a table without frames to standard output; the columns named in `right` hold figures.

    It is as wide as its content, for ids and paths are there to be copied; a narrow terminal folds it.
    """
    lines = [tuple(headings), *map(tuple, rows)]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(headings))]
    for number, line in enumerate(lines):
        cells = [
            " " * (width - cell_len(cell)) + cell if heading in right else cell + " " * (width - cell_len(cell))
            for heading, cell, width in zip(headings, line, widths, strict=True)
        ]
        stdout().print("  ".join(cells).rstrip(), style=None if number else "bold", markup=False)


def size(count: int | None) -> str:
    """Write a number of bytes as people read it: `1.5 GiB`."""
    if count is None:
        return "-"
    amount = float(count)
    for unit in _UNITS[:-1]:
        if abs(amount) < _STEP:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _STEP
    return f"{amount:.1f} {_UNITS[-1]}"
