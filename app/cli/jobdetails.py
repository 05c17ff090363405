"""One job with its whole history, for people."""

from __future__ import annotations

from typing import Any

from app.cli import terminal
from app.cli.jobview import JobView

_ATTEMPT = ("number", "worker", "strategy", "started", "ended", "bytes", "tasks", "outcome", "fault", "message")
_EVENT = ("at", "actor", "account", "kind", "fromstate", "tostate", "detail")
_NEWEST_EVENTS = 40
_STEP = ("number", "doing", "state", "progress", "tries", "task", "fault", "message")
_DISK = ("name", "from", "to", "bytes", "seconds", "verified", "path", "format", "format_changed", "chain_changed")
_WAITING = "waiting"


def print_job(content: dict[str, Any]) -> None:
    """Write what `queryAsyncJobResult` with details says about a job to standard output."""
    view = JobView.parse(content)
    attempts = content.get("attempts") or []
    steps = attempts[-1].get("steps") or [] if attempts else []
    facts = {
        "job": view.id,
        "command": view.command,
        "works on": f"{content.get('jobinstancetype', '')} {view.instance_id}".strip(),
        "state": view.state,
        "doing": "" if view.over else view.doing(),
        "place": f"{view.place} in line" if view.place else "",
        "priority": str(view.priority or ""),
        "step": "" if view.succeeded else _step(steps),
        "progress": f"{view.progress} %",
        "attempt": f"{view.attempt} of {view.max_attempts}" if view.max_attempts else "",
        "created": str(content.get("created") or ""),
        "completed": str(content.get("completed") or ""),
        "error": f"{view.error_code}: {view.error_text}" if view.error_text else "",
    }
    width = max(map(len, facts))
    for name, value in facts.items():
        if value:
            terminal.show(f"{name:<{width}}  {value}")
    _section("disks", _DISK, view.disks, right=("bytes", "seconds"))
    _section("attempts", _ATTEMPT, attempts, right=("number", "bytes"))
    _section(f"steps of attempt {view.attempt}", _STEP, steps, right=("number", "progress", "tries"))
    events = content.get("events") or []
    _section("events", _EVENT, events[-_NEWEST_EVENTS:])
    if len(events) > _NEWEST_EVENTS:
        terminal.show(
            f"{len(events) - _NEWEST_EVENTS} older events: `vrelocate jobs show {view.id} --json` has them all"
        )


def _step(steps: list[dict[str, Any]]) -> str:
    """Return which step an attempt is at, or ended with: `2 of 5: relocating the disk`."""
    asked = [step for step in steps if step.get("state") != _WAITING]
    if not asked:
        return ""
    at = asked[-1]
    if at.get("cleaning"):
        return f"cleaning up: {at['doing']}"
    return f"{at['number']} of {sum(not step.get('cleaning') for step in steps)}: {at['doing']}"


def _section(title: str, columns: tuple[str, ...], items: list[dict[str, Any]], *, right: tuple[str, ...] = ()) -> None:
    if not items:
        return
    terminal.show(f"\n{title}")
    # A column in which nothing stands says nothing.
    shown = [name for name in columns if any(item.get(name) not in (None, "", {}) for item in items)]
    headings = [name.upper() for name in shown]
    terminal.show_table(
        headings,
        [[_text(item.get(name)) for name in shown] for item in items],
        right=[name.upper() for name in right],
    )


def _text(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={inner}" for name, inner in value.items() if inner not in (None, ""))
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return "" if value is None else str(value)
