"""`vrelocate pools`, `vms`, `volumes`: what there is, with the names and ids that the other commands take."""

# ruff: noqa: PLC0415  # the HTTP client is loaded when a command runs, for `--help` to be quick

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import options, terminal
from app.cli.connection import find_connection

if TYPE_CHECKING:
    from app.cli.apiclient import Entity
    from app.cli.naming import Kind

_On = Annotated[str | None, typer.Option("--on", metavar="POOL", help="Only what lies on this pool (name or id).")]


def pools(
    *, as_json: options.Json = False, ready_file: options.ReadyFile = None, state_dir: options.ApiStateDir = None
) -> None:
    """List the storage pools (datastores)."""
    from app.cli.naming import POOL

    found = _listed(POOL, ready_file=ready_file, state_dir=state_dir)
    _show(
        found,
        ("NAME", "ID", "ZONE", "CLUSTER", "SCOPE", "TYPE", "STATE", "SIZE", "USED", "TAGS"),
        lambda it: (
            *_texts(it, "name", "id", "zonename", "clustername", "scope", "type", "state"),
            terminal.size(it.get("disksizetotal")),
            terminal.size(it.get("disksizeused")),
            str(it.get("tags") or ""),
        ),
        as_json=as_json,
        right=("SIZE", "USED"),
    )


def vms(
    *,
    on: _On = None,
    as_json: options.Json = False,
    ready_file: options.ReadyFile = None,
    state_dir: options.ApiStateDir = None,
) -> None:
    """List the virtual machines."""
    from app.cli.naming import VM

    found = _listed(VM, on=on, ready_file=ready_file, state_dir=state_dir)
    _show(
        found,
        ("NAME", "ID", "ZONE", "CLUSTER", "STATE"),
        lambda it: _texts(it, "name", "id", "zonename", "clustername", "state"),
        as_json=as_json,
    )


def volumes(
    *,
    on: _On = None,
    detached: Annotated[bool, typer.Option("--detached", help="Only volumes that are attached to no VM.")] = False,
    as_json: options.Json = False,
    ready_file: options.ReadyFile = None,
    state_dir: options.ApiStateDir = None,
) -> None:
    """List the volumes (virtual disks), attached and detached."""
    from app.cli.naming import VOLUME

    found = _listed(VOLUME, on=on, ready_file=ready_file, state_dir=state_dir)
    if detached:
        found = [it for it in found if not it.get("virtualmachineid")]
    _show(
        found,
        ("NAME", "ID", "POOL", "VM", "SIZE", "OFFERING", "PATH"),
        lambda it: (
            *_texts(it, "name", "id", "storage", "vmname"),
            terminal.size(it.get("size")),
            *_texts(it, "diskofferingname", "path"),
        ),
        as_json=as_json,
        right=("SIZE",),
    )


def _listed(kind: Kind, *, on: str | None = None, ready_file: Path | None, state_dir: Path | None) -> list[Entity]:
    from app.cli.apiclient import ApiClient
    from app.cli.naming import POOL, resolve

    with ApiClient(find_connection(ready_file=ready_file, state_dir=state_dir)) as api:
        pool_id = resolve(api, POOL, on)["id"] if on else None
        found = list(api.entities(kind.command, kind.key, storageid=pool_id))
    return sorted(found, key=lambda it: str(it.get("name", "")))


def _texts(entity: Entity, *names: str) -> tuple[str, ...]:
    return tuple(str(entity.get(name) or "") for name in names)


def _show(
    found: list[Entity],
    headings: Sequence[str],
    row: Callable[[Entity], Sequence[str]],
    *,
    as_json: bool,
    right: Sequence[str] = (),
) -> None:
    if as_json:
        terminal.show_json(found)
    else:
        terminal.show_table(headings, [row(entity) for entity in found], right=right)
