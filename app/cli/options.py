"""Options that several commands share, with one wording each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.durations import seconds_of
from app.jobs.priority import MOST_PRIORITY

_API = "Which API"

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs in place of text for people.")]

ReadyFile = Annotated[
    Path | None,
    typer.Option(
        "--ready-file",
        metavar="FILE",
        help="The ready file that `vrelocate up` wrote (or VRELOCATE_READY_FILE).",
        rich_help_panel=_API,
    ),
]

ApiStateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        help="The state directory of a running `vrelocate up` (or VRELOCATE_STATE_DIR). Neither option: "
        "VRELOCATE_API_URL, VRELOCATE_API_KEY and VRELOCATE_SECRET_KEY.",
        rich_help_panel=_API,
    ),
]

HostStateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        envvar="VRELOCATE_STATE_DIR",
        help="Take the settings from the state directory of a `vrelocate up`. Without it the environment has them: "
        "DATABASE_URL, REDIS_URL, VRELOCATE_MASTER_KEY_FILE.",
    ),
]

Wait = Annotated[
    bool,
    typer.Option("--wait", help="Follow the jobs to their ends, and exit with 1 if one of them failed."),
]


class Format(StrEnum):
    """What a disk can be converted to."""

    THIN = "thin"
    """It takes up what was written."""
    THICK = "thick"
    """It takes up its size, and is zeroed where it is first written to."""
    EAGER = "eager"
    """It takes up its size, and is zeroed at once."""


Convert = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="Convert the disks that move: thin; thick, zeroed where it is first written to; eager, zeroed at once. "
        "By default each stays as it is.",
    ),
]

WithHome = Annotated[
    bool | None,
    typer.Option(
        "--with-home/--keep-home",
        help="Move the VM's configuration too, or leave it; by default it goes with the whole VM, and with its first "
        "disk.",
        show_default=False,
    ),
]

Timeout = Annotated[
    int | None,
    typer.Option(
        "--timeout",
        parser=seconds_of,
        metavar="TIME",
        help="For how long vCenter may work on each, from its first task on, such as 90m or 12h; then it is cancelled. "
        "By default two days, or what the setting says.",
    ),
]

Priority = Annotated[
    int,
    typer.Option(
        "--priority",
        min=-MOST_PRIORITY,
        max=MOST_PRIORITY,
        metavar="N",
        help=f"Rank in every line for a slot, from -{MOST_PRIORITY} to {MOST_PRIORITY}: higher goes first.",
    ),
]

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Tell what would be done and what speaks against it, and change nothing."),
]
