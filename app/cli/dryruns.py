"""Dry runs: what a migration would do if it were asked for now, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.cli import terminal
from app.cli.apiclient import ApiClient, Entity
from app.cli.outcome import ExitCode
from app.cli.wishes import Wish
from app.errors import NotAuthenticated, PermissionDenied, ResourceUnavailable, VrelocateError


@dataclass(frozen=True)
class DryRun:
    """One wish, and what the API says would become of it."""

    wish: Wish
    told: Entity = field(default_factory=dict)
    """The API's own object (`checkMigration`); empty when it cannot be meant at all."""
    refusal: str = ""

    @property
    def would_start(self) -> bool:
        """Say whether a job would get as far as its first step."""
        return bool(self.told.get("wouldstart"))

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        what = self.wish.as_json() | {"wouldstart": self.would_start}
        return what | ({"refused": self.refusal} if self.refusal else {"migration": self.told})


def ask(api: ApiClient, wish: Wish) -> DryRun:
    """Ask what would become of a wish; a refused key, and an API or a vCenter that does not answer, raise."""
    try:
        return DryRun(wish, told=api.call("checkMigration", **wish.parameters())["migration"])
    except (NotAuthenticated, PermissionDenied, ResourceUnavailable):
        raise
    except VrelocateError as error:
        return DryRun(wish, refusal=str(error))


def ended_with(runs: Sequence[DryRun]) -> ExitCode:
    """Return the exit code: all of them have to be able to start."""
    return ExitCode.SUCCESS if all(run.would_start for run in runs) else ExitCode.BAD_INPUT


def print_run(run: DryRun) -> None:
    """Write one of them to standard output: whether it would start, how, what would move, what speaks against it."""
    told = run.told
    if run.would_start:
        terminal.show(f"{run.wish.name}: would start, by {told['strategy']}")
    else:
        terminal.show(f"{run.wish.name}: would be refused" + (f": {run.refusal}" if run.refusal else ""))
    for number, doing in enumerate(told.get("steps") or [], start=1):
        terminal.show(f"  step {number}: {doing}")
    if moving := _moving(told):
        terminal.show("")
        terminal.show_table(("MOVES", "FROM", "TO", "TAKES", "FORMAT"), moving, right=("TAKES",))
    if objections := told.get("objections"):
        terminal.show("")
        rows = [tuple(str(it.get(key) or "") for key in ("severity", "found", "todo", "rule")) for it in objections]
        terminal.show_table(("OBJECTION", "FOUND", "WHAT TO DO", "RULE"), rows)


def _moving(told: Entity) -> list[tuple[str, ...]]:
    """Return a row for all that would move: the configuration, and each disk."""
    home = told.get("home")
    rows: list[tuple[str, ...]] = (
        [("configuration", str(home.get("from") or "?"), str(home["to"]), "", "")] if home else []
    )
    for disk in told.get("disks") or []:
        disk_format = str(disk.get("format") or "")
        if disk.get("targetformat"):
            disk_format = f"{disk_format or '?'} → {disk['targetformat']}"
        rows.append((str(disk["name"]), str(disk["from"]), str(disk["to"]), terminal.size(disk["bytes"]), disk_format))
    return rows
