"""`vrelocate up|serve|worker` and `vrelocate db upgrade`: the processes of an installation, and its schema."""

# ruff: noqa: PLC0415  # each process loads what it needs when it starts, for `--help` to be quick

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from app.cli import options, terminal
from app.cli.installation import adopt, enter
from app.devstack.options import DEFAULT_PORT, DEFAULT_WORKERS
from app.errors import ResourceUnavailable

db_app = typer.Typer(no_args_is_help=True, help="The database schema.")

_LAST_PORT = 65535
_REAL, _SIMULATED = "A vCenter of yours", "The simulated vCenter, when no other is named"


def up(
    *,
    state_dir: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            envvar="VRELOCATE_STATE_DIR",
            help="Keeps database, secrets and logs; made if missing, found again at the next start.",
        ),
    ],
    port: Annotated[
        int, typer.Option(min=0, max=_LAST_PORT, help="Of the API, on loopback; 0 takes a free one.")
    ] = DEFAULT_PORT,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = DEFAULT_WORKERS,
    ready_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Written when everything answers: addresses, keys, process ids; mode 0600."),
    ] = None,
    vcenter: Annotated[
        str | None, typer.Option(metavar="URL", help="https://HOST, or https://HOST:PORT", rich_help_panel=_REAL)
    ] = None,
    username: Annotated[str | None, typer.Option(help="Its user.", rich_help_panel=_REAL)] = None,
    thumbprint: Annotated[
        str | None,
        typer.Option(
            metavar="SHA256",
            help="The one certificate to accept; `vrelocate vcenter thumbprint` shows it.",
            rich_help_panel=_REAL,
        ),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accept any certificate: for laboratories only.", rich_help_panel=_REAL)
    ] = False,
    password_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Holds its password. Without this option VRELOCATE_VCENTER_PASSWORD holds it, or the file that "
            "VRELOCATE_VCENTER_PASSWORD_FILE names.",
            rich_help_panel=_REAL,
        ),
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What it contains (YAML).", rich_help_panel=_SIMULATED)
    ] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="So many times faster than real.", rich_help_panel=_SIMULATED)
    ] = None,
) -> None:
    """Start everything in one go, with nothing to install first: database, broker, API, workers, a simulated vCenter.

    Runs until SIGTERM or Ctrl-C and stops it all in order; what dies meanwhile is started again.
    """
    from app.devstack.options import UpOptions
    from app.devstack.up import run_up

    # Our children are told everything one by one; to them this variable would mean an installation that runs already.
    os.environ.pop("VRELOCATE_STATE_DIR", None)
    code = run_up(
        UpOptions(
            state_dir=state_dir,
            port=port,
            workers=workers,
            vcenter=vcenter,
            username=username,
            thumbprint=thumbprint,
            insecure=insecure,
            vcenter_password_file=password_file,
            scenario=scenario,
            speed=speed,
            ready_file=ready_file,
        ),
        report=terminal.say,
    )
    raise typer.Exit(code)


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on (VRELOCATE_API_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=_LAST_PORT, help="Port to listen on (VRELOCATE_API_PORT).")
    ] = None,
    state_dir: options.HostStateDir = None,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C."""
    adopt(state_dir)
    from app.api.server import serve as serve_api
    from app.settings import settings

    configured = settings()
    serve_api(host or configured.api_host, configured.api_port if port is None else port)


def worker(
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of this worker, unique; host and process id by default.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Threads (VRELOCATE_WORKER_CONCURRENCY).")] = None,
    state_dir: options.HostStateDir = None,
) -> None:
    """Run one worker until SIGTERM or Ctrl-C; jobs outlive it."""
    adopt(state_dir)
    from workers.run import run_worker

    raise typer.Exit(run_worker(name=name, concurrency=concurrency))


@db_app.command("upgrade")
def upgrade(*, as_json: options.Json = False, state_dir: options.HostStateDir = None) -> None:
    """Bring the database schema to this version; safe to repeat, and from several hosts at once."""
    enter(state_dir)
    from sqlalchemy.exc import OperationalError

    from migrations.schema import upgrade as upgrade_schema

    try:
        upgrade_schema()
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()
        raise ResourceUnavailable(f"the database does not answer: {reason[0] if reason else error}") from error
    if as_json:
        terminal.show_json({"schema": "up to date"})
    else:
        terminal.show("the schema is up to date")
