"""What happened compared with what was expected, disk by disk, by a look that owes nothing to the jobs' own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.cli.apiclient import Entity
from app.cli.demo.cast import WORDS, Expected, Part
from app.cli.jobview import JobView
from app.cli.migrating import Order


@dataclass(frozen=True)
class DiskRow:
    """Where one disk was, where it is, and how it came there."""

    disk: str
    from_pool: str
    to_pool: str
    """Where it is now."""
    bytes: int
    """Copied; 0 for a disk that stayed."""
    seconds: float
    verified: bool
    """It lies where it should: the job says that it read that back, and a fresh inventory says it too."""


@dataclass(frozen=True)
class Verdict:
    """One migration judged."""

    name: str
    expected: Expected
    happened: str
    as_expected: bool
    disks: tuple[DiskRow, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return asdict(self)


def judge(part: Part, order: Order, view: JobView | None, now: Mapping[str, Entity]) -> Verdict:
    """Judge one migration.

    `view` is the last look at its job, with attempts; `now` are all volumes by id, of an inventory read after all of
    it was over.
    """
    moved = part.expected in {Expected.MOVED, Expected.MOVED_ON_RETRY}
    rows = tuple(_disk_row(part, disk, view, now, moved=moved) for disk in part.disks)
    happened, as_told = _moved(part, view) if moved else _refused(part, order, view)
    # A migration without a disk would prove nothing.
    return Verdict(part.name, part.expected, happened, as_told and bool(rows) and all(it.verified for it in rows), rows)


def _moved(part: Part, view: JobView | None) -> tuple[str, bool]:
    if view is None or not view.succeeded:
        return (f"{view.state}: {view.error_text or view.doing()}" if view else "was not accepted"), False
    if part.expected is Expected.MOVED:
        return f"moved at attempt {view.attempt}", view.attempt == 1
    faults = [str(attempt.get("fault") or "") for attempt in _attempts(view) if attempt.get("outcome") == "retried"]
    happened = f"failed with {', '.join(faults) or 'nothing'}, moved at attempt {view.attempt}"
    return happened, view.attempt > 1 and any(faults)


def _refused(part: Part, order: Order, view: JobView | None) -> tuple[str, bool]:
    """Refusals come at once, or as the job's failure: CloudStack has both."""
    if view is not None and not view.over:
        return f"not over: {view.doing()}", False
    if view is not None and view.succeeded:
        return "moved", False
    reason = order.refusal or (view.error_text if view else "")
    return f"refused: {reason}", WORDS[part.expected] in reason


def _attempts(view: JobView) -> Sequence[dict[str, Any]]:
    attempts: list[dict[str, Any]] = view.raw.get("attempts") or []
    return attempts


def _disk_row(part: Part, disk: Entity, view: JobView | None, now: Mapping[str, Entity], *, moved: bool) -> DiskRow:
    target = part.target if moved else {"id": disk["storageid"], "name": disk["storage"]}
    told = next((it for it in view.disks if it.get("volume_id") == disk["id"]), None) if view else None
    found = now.get(str(disk["id"]), {})
    there = found.get("storageid") == target["id"] and str(found.get("path", "")).startswith(f"[{target['name']}]")
    read_back = bool(told and told.get("verified")) if moved else told is None
    return DiskRow(
        disk=f"{part.name}/{disk['name']}" if part.entity is not disk else str(disk["name"]),
        from_pool=str(disk["storage"]),
        to_pool=str(found.get("storage", "?")),
        bytes=int(told.get("bytes") or 0) if told else 0,
        seconds=float(told.get("seconds") or 0) if told else 0.0,
        verified=there and read_back,
    )
