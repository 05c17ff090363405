"""`vrelocate migrate vm|volume`."""

# ruff: noqa: PLC0415  # the HTTP client is loaded when a command runs, for `--help` to be quick

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import options, terminal
from app.cli.connection import find_connection

if TYPE_CHECKING:
    from app.cli.naming import Kind

app = typer.Typer(no_args_is_help=True, help="Move stopped VMs and detached volumes to another pool.")

_To = Annotated[str, typer.Option("--to", metavar="POOL", help="Name or id of the storage pool to move to.")]


@app.command("vm")
def migrate_vm(
    names: Annotated[list[str], typer.Argument(metavar="NAME|ID", help="The stopped VMs: one job each.")],
    *,
    to: _To,
    wait: options.Wait = False,
    as_json: options.Json = False,
    ready_file: options.ReadyFile = None,
    state_dir: options.ApiStateDir = None,
) -> None:
    """Move stopped VMs, home and all disks, to a storage pool; prints the ids of the jobs."""
    from app.cli.naming import VM

    _migrate(VM, names, to, wait=wait, as_json=as_json, ready_file=ready_file, state_dir=state_dir)


@app.command("volume")
def migrate_volume(
    names: Annotated[list[str], typer.Argument(metavar="NAME|ID", help="The detached volumes: one job each.")],
    *,
    to: _To,
    wait: options.Wait = False,
    as_json: options.Json = False,
    ready_file: options.ReadyFile = None,
    state_dir: options.ApiStateDir = None,
) -> None:
    """Move detached volumes to a storage pool; prints the ids of the jobs."""
    from app.cli.naming import VOLUME

    _migrate(VOLUME, names, to, wait=wait, as_json=as_json, ready_file=ready_file, state_dir=state_dir)


def _migrate(
    kind: Kind, names: list[str], to: str, *, wait: bool, as_json: bool, ready_file: Path | None, state_dir: Path | None
) -> None:
    from app.cli.apiclient import ApiClient
    from app.cli.migrating import ended_with, follow_orders, order
    from app.cli.naming import POOL, resolve, resolve_all

    with ApiClient(find_connection(ready_file=ready_file, state_dir=state_dir)) as api:
        # Every name is looked up before the first job is made: a typing error moves nothing.
        pool = resolve(api, POOL, to)
        entities = resolve_all(api, kind, names)
        orders = []
        for entity in entities:
            orders.append(order(api, kind, entity, pool))
            if orders[-1].refusal:
                terminal.complain(f"{orders[-1].name}: {orders[-1].refusal}")
            elif not as_json:
                terminal.show(orders[-1].job_id)
        last = follow_orders(api, orders) if wait else None
    if as_json:
        terminal.show_json([one.as_json((last or {}).get(one.job_id)) for one in orders])
    elif not wait and any(one.job_id for one in orders):
        terminal.say(f"on the way to {pool['name']}: `vrelocate jobs watch` shows how far")
    raise typer.Exit(ended_with(orders, last))
