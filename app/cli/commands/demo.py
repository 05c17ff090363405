"""`vrelocate demo`."""

# ruff: noqa: PLC0415  # everything is loaded when the command runs, for `--help` to be quick

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import options
from app.cli.outcome import ExitCode


def demo(
    *,
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="How many times faster than real; the scenario's own without it.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Empty an old datastore of a simulated vCenter into a new one, live, and check where every disk is then.

    Starts database, broker, API, workers and vCenter in a temporary folder, migrates ten stopped VMs and five detached
    disks, shows three refusals and one failure that a retry mends, and removes it all. Exits with 0 only if everything
    ended as expected.
    """
    import time

    from app.cli.demo import report
    from app.cli.demo.play import play
    from app.cli.demo.stack import temporary_installation

    began = time.monotonic()
    with temporary_installation(speed=speed) as stack:
        verdicts = play(stack.state_dir)
        stack.keep = not all(verdict.as_expected for verdict in verdicts)
    (report.show_json if as_json else report.show)(verdicts, time.monotonic() - began)
    raise typer.Exit(ExitCode.JOB_FAILED if stack.keep else ExitCode.SUCCESS)
