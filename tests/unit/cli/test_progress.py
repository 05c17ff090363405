from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from app.cli.jobview import JobView
from app.cli.progress import LiveBars, Milestones, display, final_line

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Endpoint

pytestmark = pytest.mark.unit

NAMES = {"a": "app-01", "b": "a-longer-name"}


def _console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, height=20, _environ={})


def _text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _view(endpoint: Endpoint, job_id: str, state: str = "running", **more: object) -> JobView:
    return JobView.parse(endpoint.job(job_id, state, **more))


def test_a_terminal_gets_bars_and_a_log_milestones() -> None:
    assert isinstance(display(NAMES, _console(terminal=True)), LiveBars)
    assert isinstance(display(NAMES, _console(terminal=False)), Milestones)


def test_milestones_are_few_and_hold_no_control_characters(endpoint: Endpoint) -> None:
    console = _console(terminal=False)
    with display(NAMES, console) as shown:
        for percent in range(100):
            shown.update([_view(endpoint, "a", progress=percent)])
        shown.update([_view(endpoint, "a", "succeeded")])
    lines = _text(console).splitlines()
    assert "\x1b" not in _text(console)
    assert [line.split("s  ", 1)[1] for line in lines] == [
        "· app-01         relocating 0 %",
        "· app-01         relocating 25 %",
        "· app-01         relocating 50 %",
        "· app-01         relocating 75 %",
        "✓ app-01         succeeded: 1 disk, 2.0 KiB, read back",
    ]


def test_a_new_phase_is_a_milestone(endpoint: Endpoint) -> None:
    console = _console(terminal=False)
    with display(NAMES, console) as shown:
        shown.update([_view(endpoint, "a", "queued", phase="waiting for a slot of host esx1", progress=0)])
        shown.update([_view(endpoint, "a", attempt=2)])
    assert "app-01         waiting for a slot of host esx1 0 %" in _text(console)
    assert "app-01         relocating (attempt 2 of 5) 40 %" in _text(console)


def test_a_step_forward_in_line_is_no_milestone(endpoint: Endpoint) -> None:
    console = _console(terminal=False)
    with display(NAMES, console) as shown:
        for place in (9, 8, 7):
            shown.update([_view(endpoint, "a", "queued", phase="waiting", progress=0, placeinline=place)])
    [line] = _text(console).splitlines()
    assert line.endswith("waiting, place 9 in line 0 %")


def test_bars_live_until_their_job_ends(endpoint: Endpoint) -> None:
    console = _console(terminal=True)
    with display(NAMES, console) as shown:
        shown.update([_view(endpoint, "a"), _view(endpoint, "b")])
        assert isinstance(shown, LiveBars)
        assert [task.completed for task in shown._progress.tasks] == [40, 40]
        shown.update([_view(endpoint, "a", progress=60), _view(endpoint, "b", "failed")])
        assert [(task.description, task.completed) for task in shown._progress.tasks] == [("app-01       ", 60)]
    assert "a-longer-name" in _text(console)
    assert "it broke" in _text(console)


def test_the_last_line_tells_what_happened(endpoint: Endpoint) -> None:
    assert final_line("x", _view(endpoint, "a", "succeeded", attempt=2)).plain == (
        "✓ x  succeeded at attempt 2: 1 disk, 2.0 KiB, read back"
    )
    broken = {"errorcode": 530, "errortext": "disk 1 is on [old],\n disk 2 on [new]"}
    assert final_line("x", _view(endpoint, "a", "failed", jobresult=broken)).plain == (
        "✗ x  failed: disk 1 is on [old], disk 2 on [new]"
    )


def test_names_that_look_like_markup_are_shown_as_they_are(endpoint: Endpoint) -> None:
    for terminal in (False, True):
        console = _console(terminal=terminal)
        with display({"a": "[red]x[/]"}, console) as shown:
            shown.update([_view(endpoint, "a", phase="[bold]odd[/bold]")])
            shown.update([_view(endpoint, "a", "succeeded")])
        assert "[red]x[/]" in _text(console)
