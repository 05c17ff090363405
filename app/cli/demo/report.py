"""The end of the demo: a row for every disk, a line for every expectation."""

from __future__ import annotations

from collections.abc import Sequence

from app.cli import terminal
from app.cli.demo.cast import Expected
from app.cli.demo.judge import Verdict


def show_json(verdicts: Sequence[Verdict], seconds: float) -> None:
    """Write it for a program."""
    terminal.show_json(
        {
            "as_expected": all(verdict.as_expected for verdict in verdicts),
            "seconds": round(seconds, 1),
            "migrations": [verdict.as_json() for verdict in verdicts],
        }
    )


def show(verdicts: Sequence[Verdict], seconds: float) -> None:
    """Write it for people."""
    terminal.show_table(
        ("DISK", "FROM", "TO", "BYTES", "SECONDS", "VERIFIED"),
        [
            (
                row.disk,
                row.from_pool,
                row.to_pool if row.bytes else f"{row.to_pool} (stayed)",
                terminal.size(row.bytes) if row.bytes else "-",
                f"{row.seconds:.1f}" if row.bytes else "-",
                "yes" if row.verified else "NO",
            )
            for verdict in verdicts
            for row in verdict.disks
        ],
        right=("BYTES", "SECONDS"),
    )
    terminal.show("")
    for expected in Expected:
        _show_group([verdict for verdict in verdicts if verdict.expected is expected])
    copied = sum(row.bytes for verdict in verdicts for row in verdict.disks)
    disks = sum(bool(row.bytes) for verdict in verdicts for row in verdict.disks)
    terminal.show("")
    terminal.show(f"{terminal.size(copied)} in {disks} disks moved and read back; the demo took {seconds:.0f} s")


def _show_group(group: Sequence[Verdict]) -> None:
    """One line for all that went as expected, a line each for what did not."""
    good = [verdict for verdict in group if verdict.as_expected]
    if len(good) == 1:
        terminal.show(f"✓ {good[0].name}: {good[0].happened}")
    elif good:
        terminal.show(f"✓ {len(good)} {good[0].expected}: {', '.join(verdict.name for verdict in good)}")
    for verdict in group:
        if not verdict.as_expected:
            terminal.show(f"✗ {verdict.name}: expected {verdict.expected}, but: {verdict.happened}")
