"""Options that several commands share, with one wording each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
