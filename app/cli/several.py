"""Several commands in one process, for `app.devstack`: what it costs to start is paid once.

A line of standard input is a command, a line of standard output what became of it, both JSON:

    {"arguments": ["keys", "create", "me"], "environment": {"NAME": "this command's own"}}
    {"status": 0, "printed": "…"}

What commands say goes to standard error, as ever.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout

from app.cli.main import app, prepare


def run() -> None:
    """Carry out commands until there are no more."""
    prepare()
    for line in sys.stdin:
        command = json.loads(line)
        status, printed = _carry_out(command["arguments"], command["environment"])
        print(json.dumps({"status": status, "printed": printed}), flush=True)  # noqa: T201  # it is the answer


def _carry_out(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Return the exit code of one command and what it printed."""
    before = dict(os.environ)
    os.environ.update(environment)
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            app(list(arguments), prog_name="vrelocate")
    except SystemExit as end:
        return int(end.code or 0), printed.getvalue()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return 0, printed.getvalue()


if __name__ == "__main__":
    run()
