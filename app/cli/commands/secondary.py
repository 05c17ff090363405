"""`vrelocate secondary add|list|remove`."""

# ruff: noqa: PLC0415  # the database is loaded when a command runs, for `--help` to be quick

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli import options, terminal
from app.cli.installation import enter

app = typer.Typer(no_args_is_help=True, help="Secondary storage: where bytes rest when a hypervisor cannot move them.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What this store is called here.")],
    *,
    path: Annotated[Path, typer.Option(metavar="DIR", help="Where it is mounted: the same on every worker.")],
    as_json: options.Json = False,
    state_dir: options.HostStateDir = None,
) -> None:
    """Mark a folder as secondary storage; run it as the user that the workers run as."""
    enter(state_dir)
    from app.secondary.stores import add_store

    store_id = add_store(name, path)
    if as_json:
        terminal.show_json({"id": str(store_id), "name": name, "path": str(path)})
    else:
        terminal.show(f"{name} is known as {store_id}; workers that have {path} mounted use it from now on")


@app.command("list")
def list_all(*, as_json: options.Json = False, state_dir: options.HostStateDir = None) -> None:
    """List the stores, and how much room each has as this machine sees it."""
    enter(state_dir)
    from app.secondary.stores import list_rooms

    rooms: list[dict[str, Any]] = []
    for store, room in list_rooms():
        told: dict[str, Any] = {"id": str(store.id), "name": store.name, "path": store.path}
        if isinstance(room, str):
            told["trouble"] = room
        else:
            told |= {"total": room.total_bytes, "free": room.free_bytes, "reserved": room.reserved_bytes}
        rooms.append(told)
    if as_json:
        terminal.show_json(rooms)
        return
    terminal.show_table(
        ("ID", "NAME", "PATH", "TOTAL", "FREE", "RESERVED", "TROUBLE"),
        [
            (
                it["id"],
                it["name"],
                it["path"],
                *(terminal.size(it[what]) if what in it else "" for what in ("total", "free", "reserved")),
                it.get("trouble", ""),
            )
            for it in rooms
        ],
    )


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="The store's name.")],
    *,
    as_json: options.Json = False,
    state_dir: options.HostStateDir = None,
) -> None:
    """Forget a store on which nothing is left. Its folder stays."""
    enter(state_dir)
    from app.secondary.stores import remove_store

    remove_store(name)
    if as_json:
        terminal.show_json({"name": name, "removed": True})
    else:
        terminal.show(f"{name} is forgotten")
