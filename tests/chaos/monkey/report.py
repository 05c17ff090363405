"""The report of a run, as Markdown: to the terminal, or into the generated section of docs/chaos.md."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.chaos.monkey.place import WORKERS
from tests.chaos.monkey.run import Outcome
from tests.running.ledger import Page

BEGIN, END = "<!-- report: made by `make chaos REPORT=docs/chaos.md` -->", "<!-- end of the report -->"
MOST_ERRORS = 15
COPIES = ("RelocateVM_Task", "MoveVirtualDisk_Task", "RelocateVStorageObject_Task")


def say(line: str) -> None:
    """Say it to whoever started it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def put_into(file: Path, outcome: Outcome) -> None:
    """Replace the generated section of a page."""
    before, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    file.write_text(f"{before}{BEGIN}\n{written(outcome)}\n{END}{after}", encoding="utf-8")


def written(outcome: Outcome) -> str:
    """Return the report."""
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    wanted, figures = outcome.wanted, outcome.figures
    deeds = sum(outcome.done.counts.values())
    yield f"Seed `{wanted.seed}`, {wanted.seconds / 60:g} minutes, {WORKERS} workers, {wanted.clients} clients,"
    yield f"{os.cpu_count()} processors: **{len(outcome.accepted)} jobs accepted, {deeds} times mischief,"
    yield f"{_lost(outcome)}.**"
    yield ""
    yield from (f"- {violation}" for violation in outcome.violations)
    yield from _table("jobs", figures.jobs)
    yield from _table("attempts", {**figures.attempts, "most attempts of a job": figures.most_attempts})
    yield from _table("what clients did", outcome.client_counts)
    yield from _table(
        "mischief", {**outcome.done.counts, "came to nothing: nobody was there": outcome.done.came_to_nothing}
    )
    yield from _table("commands to vCenter, by how they ended in the records", figures.tasks)
    if figures.page:
        yield from _ledger(figures.page)
    yield from _table(
        "recovery, seconds",
        {
            f"longest from the end of a mischief ({figures.longest_recovery_from}) to the next success": round(
                figures.longest_recovery_seconds, 1
            ),
            "from the end of all mischief to the end of all jobs": round(outcome.drained_seconds, 1),
        },
    )
    yield from _table("why jobs failed", dict(figures.errors.most_common(MOST_ERRORS)))
    if outcome.oddities:
        yield from _table("answers that clients could not expect", dict(outcome.oddities.most_common(MOST_ERRORS)))


def _lost(outcome: Outcome) -> str:
    return f"{len(outcome.violations)} violations" if outcome.violations else "nothing lost"


def _ledger(page: Page) -> Iterator[str]:
    yield ""
    yield "| vCenter's ledger | started | succeeded | failed | cancelled | refused: busy |"
    yield "|---|---|---|---|---|---|"
    for method in COPIES:
        of = page.operations.get(method, {}).values()
        sums = [
            sum(getattr(counts, what) for counts in of)
            for what in ("started", "succeeded", "failed", "cancelled", "overlapping")
        ]
        yield f"| `{method}` | {' | '.join(map(str, sums))} |"
    struck: Counter[str] = Counter()
    for faults in page.faults.values():
        for what, times in faults.items():
            struck[what] += times
    yield from _table("faults that struck in vCenter", struck)
    yield from _table("sessions of vCenter", {"dropped": page.logins.dropped, "logins": page.logins.accepted})


def _table(title: str, figures: Mapping[str, float]) -> Iterator[str]:
    yield ""
    yield f"| {title} | |"
    yield "|---|---|"
    for what, count in figures.items():
        yield f"| {what.replace('|', '/').replace(chr(10), ' ')} | {count} |"
