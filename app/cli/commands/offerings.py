"""`vrelocate offerings create|assign`: which storage tags a volume asks of its pool."""

# ruff: noqa: PLC0415  # the database is loaded when a command runs, for `--help` to be quick

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import options, terminal
from app.cli.installation import enter

app = typer.Typer(no_args_is_help=True, help="Disk offerings: the storage tags that a volume asks of its pool.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the offering is called.")],
    *,
    tags: Annotated[str, typer.Option(metavar="TAG,TAG…", help="A pool must have all of them.")] = "",
    display_text: Annotated[str, typer.Option(help="A description; the name when there is none.")] = "",
    as_json: options.Json = False,
    state_dir: options.HostStateDir = None,
) -> None:
    """Make a disk offering and print its id."""
    enter(state_dir)
    from app.inventory.offerings import create_offering

    wanted = [tag.strip() for tag in tags.split(",") if tag.strip()]
    offering_id = create_offering(name, display_text or name, wanted)
    if as_json:
        terminal.show_json({"id": str(offering_id), "name": name, "tags": wanted})
    else:
        terminal.show(str(offering_id))


@app.command()
def assign(
    volume: Annotated[str, typer.Argument(metavar="VOLUME", help="Name or id, as `vrelocate volumes` lists it.")],
    offering: Annotated[str, typer.Argument(metavar="OFFERING", help="Name or id, as it was created.")],
    *,
    as_json: options.Json = False,
    state_dir: options.HostStateDir = None,
) -> None:
    """Say of which offering a volume is; the target of its next migration must have the offering's tags."""
    enter(state_dir)
    from app.cli.hostnaming import offering_named, volume_named
    from app.inventory.offerings import assign_offering

    volume_id, offering_id = volume_named(volume), offering_named(offering)
    assign_offering(volume_id, offering_id)
    if as_json:
        terminal.show_json({"volume": str(volume_id), "offering": str(offering_id)})
    else:
        terminal.show(f"volume {volume} is of offering {offering}")
