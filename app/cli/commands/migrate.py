"""`vrelocate migrate vm|volume`."""

# ruff: noqa: PLC0415  # the HTTP client is loaded when a command runs, for `--help` to be quick

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import options, terminal
from app.cli.connection import find_connection
from app.errors import InvalidParameter

if TYPE_CHECKING:
    from app.cli.apiclient import ApiClient
    from app.cli.wishes import Wish

app = typer.Typer(no_args_is_help=True, help="Move stopped VMs and detached volumes to another pool.")

_POOL = "Name or id of the storage pool to move to"


@app.command("vm")
def migrate_vm(
    names: Annotated[list[str], typer.Argument(metavar="NAME|ID", help="The stopped VMs: one job each.")],
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="POOL", help=f"{_POOL}; with --disk: for all that it does not name.")
    ] = None,
    disk: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VOLUME=POOL", help="Move this disk of the VM to that pool; may be repeated. Other disks stay."
        ),
    ] = None,
    with_home: options.WithHome = None,
    disk_format: options.Convert = None,
    timeout: options.Timeout = None,
    priority: options.Priority = 0,
    dry_run: options.DryRun = False,
    wait: options.Wait = False,
    as_json: options.Json = False,
    ready_file: options.ReadyFile = None,
    state_dir: options.ApiStateDir = None,
) -> None:
    """Move stopped VMs, home and all disks, or some disks of one VM, to storage pools; prints the ids of the jobs."""
    if not to and not disk:
        raise InvalidParameter("where to? Give --to POOL, or --disk VOLUME=POOL")
    if disk and len(names) > 1:
        raise InvalidParameter("--disk is for the disks of one VM: name one")

    def wishes(api: ApiClient) -> list[Wish]:
        from app.cli.naming import POOL, VM, resolve, resolve_all
        from app.cli.wishes import How, Wish, goals_of

        how = How(disk_format, with_home, timeout, priority)
        pool = resolve(api, POOL, to) if to else None
        return [Wish(VM, vm, pool, goals_of(api, vm, disk or []), how) for vm in resolve_all(api, VM, names)]

    _migrate(wishes, dry_run=dry_run, wait=wait, as_json=as_json, ready_file=ready_file, state_dir=state_dir)


@app.command("volume")
def migrate_volume(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME|ID", help="The volumes, detached or of stopped VMs: one job each.")
    ],
    *,
    to: Annotated[str, typer.Option("--to", metavar="POOL", help=f"{_POOL}.")],
    with_home: options.WithHome = None,
    disk_format: options.Convert = None,
    timeout: options.Timeout = None,
    priority: options.Priority = 0,
    dry_run: options.DryRun = False,
    wait: options.Wait = False,
    as_json: options.Json = False,
    ready_file: options.ReadyFile = None,
    state_dir: options.ApiStateDir = None,
) -> None:
    """Move volumes to a storage pool; prints the ids of the jobs."""

    def wishes(api: ApiClient) -> list[Wish]:
        from app.cli.naming import POOL, VOLUME, resolve, resolve_all
        from app.cli.wishes import How, Wish

        how = How(disk_format, with_home, timeout, priority)
        pool = resolve(api, POOL, to)
        return [Wish(VOLUME, volume, pool, how=how) for volume in resolve_all(api, VOLUME, names)]

    _migrate(wishes, dry_run=dry_run, wait=wait, as_json=as_json, ready_file=ready_file, state_dir=state_dir)


def _migrate(
    wishes_of: Callable[[ApiClient], list[Wish]],
    *,
    dry_run: bool,
    wait: bool,
    as_json: bool,
    ready_file: Path | None,
    state_dir: Path | None,
) -> None:
    from app.cli.apiclient import ApiClient

    if dry_run and wait:
        raise InvalidParameter("--dry-run makes no job: there is nothing to --wait for")
    with ApiClient(find_connection(ready_file=ready_file, state_dir=state_dir)) as api:
        # Every name is looked up before the first job is made: a typing error moves nothing.
        wishes = wishes_of(api)
        if dry_run:
            _try(api, wishes, as_json=as_json)
        else:
            _ask(api, wishes, wait=wait, as_json=as_json)


def _try(api: ApiClient, wishes: list[Wish], *, as_json: bool) -> None:
    from app.cli.dryruns import ask, ended_with, print_run

    runs = []
    for wish in wishes:
        runs.append(ask(api, wish))
        if not as_json:
            if len(runs) > 1:
                terminal.show("")
            print_run(runs[-1])
    if as_json:
        terminal.show_json([run.as_json() for run in runs])
    raise typer.Exit(ended_with(runs))


def _ask(api: ApiClient, wishes: list[Wish], *, wait: bool, as_json: bool) -> None:
    from app.cli.migrating import ended_with, follow_orders, order

    orders = []
    for wish in wishes:
        orders.append(order(api, wish))
        if orders[-1].refusal:
            terminal.complain(f"{orders[-1].name}: {orders[-1].refusal}")
        elif not as_json:
            terminal.show(orders[-1].job_id)
    last = follow_orders(api, orders) if wait else None
    if as_json:
        terminal.show_json([one.as_json((last or {}).get(one.job_id)) for one in orders])
    elif not wait and any(one.job_id for one in orders):
        targets = dict.fromkeys(target for wish in wishes for target in wish.targets)
        terminal.say(f"on the way to {', '.join(targets)}: `vrelocate jobs watch` shows how far")
    raise typer.Exit(ended_with(orders, last))
