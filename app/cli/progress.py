"""Jobs shown while they run: live bars on a terminal, milestones in a log.

Both write to standard error, and both say the end of each job in the same line, so a log and a screen tell one story.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from app.cli import terminal
from app.cli.jobview import JobView

MILESTONE_PERCENT = 25
_STYLES = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}
_MARKS = {"succeeded": "✓", "failed": "✗", "cancelled": "∅"}


class Display(Protocol):
    """What shows jobs; use it as a context."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(self, views: Iterable[JobView]) -> None:
        """Show the newest look at some jobs."""


def display(names: Mapping[str, str], console: Console | None = None) -> Display:
    """Return bars for a terminal, milestones for everything else. `names` are what people call each job, by its id."""
    console = console or terminal.stderr()
    return LiveBars(console, names) if console.is_terminal else Milestones(console, names)


def final_line(name: str, view: JobView, width: int = 0) -> Text:
    """Return the line that says how a job ended."""
    style = _STYLES.get(view.state, "")
    line = Text.assemble((f"{_MARKS.get(view.state, '·')} ", style), f"{name:<{width}}  ", (view.state, style))
    if view.attempt > 1:
        line.append(f" at attempt {view.attempt}")
    if view.error_text:
        line.append(f": {' '.join(view.error_text.split())}")
    elif view.disks:
        moved = sum(int(disk.get("bytes") or 0) for disk in view.disks)
        line.append(f": {len(view.disks)} disk{'s' * (len(view.disks) > 1)}, {terminal.size(moved)}, read back")
    return line


class LiveBars:
    """A bar for each live job; a job that ends leaves the bars and becomes a line above them."""

    def __init__(self, console: Console, names: Mapping[str, str]) -> None:
        """Show nothing yet."""
        self._names = names
        self._width = max(map(len, names.values()), default=0)
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}", markup=False),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, views: Iterable[JobView]) -> None:
        """Redraw the bars of `views`."""
        for view in views:
            name = self._names.get(view.id, view.id)
            bar = self._bars.get(view.id)
            if view.over:
                if bar is not None:
                    self._progress.remove_task(bar)
                self._progress.console.print(final_line(name, view, self._width))
            elif bar is None:
                self._bars[view.id] = self._progress.add_task(
                    f"{name:<{self._width}}", total=100, completed=view.progress, doing=view.doing_in_line()
                )
            else:
                self._progress.update(bar, completed=view.progress, doing=view.doing_in_line())


class Milestones:
    """A line when a job does something new, at every quarter of its way, and at its end."""

    def __init__(self, console: Console, names: Mapping[str, str]) -> None:
        """Write nothing yet."""
        self._console = console
        self._names = names
        self._width = max(map(len, names.values()), default=0)
        self._said: dict[str, tuple[str, int]] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def update(self, views: Iterable[JobView]) -> None:
        """Write a line for each of `views` that reached a milestone."""
        for view in views:
            name = self._names.get(view.id, view.id)
            if view.over:
                self._write(final_line(name, view, self._width))
                continue
            # Not each step forward in line: of a hundred that wait, each would move a hundred times.
            milestone = (view.doing(), view.progress // MILESTONE_PERCENT)
            if self._said.get(view.id) != milestone:
                self._said[view.id] = milestone
                self._write(Text(f"· {name:<{self._width}}  {view.doing_in_line()} {view.progress} %"))

    def _write(self, line: Text) -> None:
        elapsed = Text(f"{time.monotonic() - self._began:7.1f} s  ", style="dim")
        self._console.print(elapsed + line)
