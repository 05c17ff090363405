"""`vrelocate kvm add`: KVM hosts whose disk images lie in folders that every worker has mounted too."""

# ruff: noqa: PLC0415  # the database is loaded when a command runs, for `--help` to be quick

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import options, terminal
from app.cli.installation import enter
from app.errors import InvalidParameter

app = typer.Typer(no_args_is_help=True, help="KVM hosts with file pools: their volumes go through secondary storage.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What these hosts are called here.")],
    *,
    pool: Annotated[
        list[str],
        typer.Option(metavar="NAME=DIR", help="A storage pool, and where every host and worker has it mounted."),
    ],
    as_json: options.Json = False,
    state_dir: options.HostStateDir = None,
) -> None:
    """Add the file pools of KVM hosts, and read what lies in them."""
    enter(state_dir)
    from app.inventory.file_pools import add_file_pools
    from app.inventory.sync import sync_vcenter

    system_id = add_file_pools(name, dict(_pool(it) for it in pool))
    report = sync_vcenter(system_id)
    if as_json:
        terminal.show_json({"id": str(system_id), "name": name, "pools": report.pools, "volumes": report.volumes})
    else:
        terminal.show(f"{name} is known as {system_id}: {report.pools} pools, {report.volumes} volumes")


def _pool(given: str) -> tuple[str, Path]:
    name, equals, folder = given.partition("=")
    if not equals or not name or not folder:
        raise InvalidParameter(f"--pool {given}: a name and a folder are needed, as in --pool fast=/srv/pools/fast")
    return name, Path(folder)
