"""The command tree of `vrelocate`, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import atexit
import gc
import io
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from app.cli.commands import demo, jobs, keys, kvm, listings, migrate, offerings, processes, secondary, tokens, vcenter
from app.cli.outcome import ExitCode, exit_code, report

_EXIT_CODES = (
    "Exit codes: 0 success; 1 a job failed; 2 usage, an unknown name or a refused request; "
    "3 configuration, or the API, the database or a vCenter does not answer; 130 interrupted, jobs go on."
)


class _Commands(TyperGroup):
    """Turns what a command raises into one line on standard error and the documented exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  # typer keeps the types of both to itself
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, typer.Abort):
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except (typer.Exit, TyperException, BrokenPipeError):
            raise  # typer's own ways to end: an exit code, a usage error, a reader that went away
        except Exception as error:  # whatever it is, an operator gets a line and a code
            report(error, debug=ctx.params["debug"])
            raise typer.Exit(exit_code(error)) from error


_ALLOCATIONS_BETWEEN_COLLECTIONS = 50_000

app = typer.Typer(
    name="vrelocate",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Moves stopped VMs and detached disks between vSphere datastores, as jobs that can be trusted.",
    epilog=_EXIT_CODES,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # typer's own signature of a callback
    if wanted:
        typer.echo(f"vrelocate {version('vrelocate')}")
        raise typer.Exit


@app.callback()
def _every_command(
    *,
    debug: Annotated[  # read by _Commands.invoke
        bool, typer.Option("--debug", envvar="VRELOCATE_DEBUG", help="Show the whole traceback of an error.")
    ] = False,
    version_wanted: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


_BEGIN, _USE, _RUN, _SET_UP = "Begin here", "Migrate and look", "Processes", "Set up"

app.command(rich_help_panel=_BEGIN)(demo.demo)
app.command(rich_help_panel=_BEGIN)(processes.up)
app.add_typer(migrate.app, name="migrate", rich_help_panel=_USE)
app.add_typer(jobs.app, name="jobs", rich_help_panel=_USE)
app.command(rich_help_panel=_USE)(listings.pools)
app.command(rich_help_panel=_USE)(listings.vms)
app.command(rich_help_panel=_USE)(listings.volumes)
app.command(rich_help_panel=_RUN)(processes.serve)
app.command(rich_help_panel=_RUN)(processes.worker)
app.add_typer(processes.db_app, name="db", rich_help_panel=_SET_UP)
app.add_typer(vcenter.app, name="vcenter", rich_help_panel=_SET_UP)
app.add_typer(kvm.app, name="kvm", rich_help_panel=_SET_UP)
app.add_typer(secondary.app, name="secondary", rich_help_panel=_SET_UP)
app.add_typer(keys.app, name="keys", rich_help_panel=_SET_UP)
app.add_typer(tokens.app, name="tokens", rich_help_panel=_SET_UP)
app.command(rich_help_panel=_SET_UP)(keys.keygen)
app.command(rich_help_panel=_SET_UP)(keys.reseal)
app.add_typer(offerings.app, name="offerings", rich_help_panel=_SET_UP)


def run() -> None:
    """Be the `vrelocate` command."""
    prepare()
    app(prog_name="vrelocate")


def prepare() -> None:
    """Make a process ready for commands."""
    _collect_less_garbage()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ✓ shows a ?, and no traceback


def _collect_less_garbage() -> None:
    """Save two fifths of every start: imports make several hundred thousand objects, and nearly all of them stay.

    Python's own threshold (700) has them looked through hundreds of times while they come, and once more at the end.
    """
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)


if __name__ == "__main__":
    run()
