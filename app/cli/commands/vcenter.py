"""`vrelocate vcenter add|list|sync|thumbprint`."""

# ruff: noqa: PLC0415  # the database and pyVmomi are loaded when a command runs, for `--help` to be quick

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import options, terminal
from app.cli.installation import enter
from app.cli.passwords import read_password
from app.errors import InvalidParameter

if TYPE_CHECKING:
    from app.inventory.models import VCenter

app = typer.Typer(no_args_is_help=True, help="The vCenters that vrelocate works with.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What this vCenter is called here.")],
    *,
    url: Annotated[str, typer.Option(help="https://HOST, or https://HOST:PORT")],
    username: Annotated[str, typer.Option(help="A vCenter user who may relocate VMs and move virtual disks.")],
    thumbprint: Annotated[
        str | None,
        typer.Option(
            metavar="SHA256",
            help="Accept this one certificate; `vrelocate vcenter thumbprint` shows it. Without this option the "
            "system's authorities vouch for the certificate.",
        ),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accept any certificate: for laboratories, never where it matters.")
    ] = False,
    password_env: Annotated[
        str | None, typer.Option(metavar="VAR", help="The environment variable that holds the password.")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file that holds the password.")
    ] = None,
    if_absent: Annotated[
        bool, typer.Option("--if-absent", help="Update the vCenter of that name in place if there is one already.")
    ] = False,
    via_secondary: Annotated[
        bool,
        typer.Option(
            "--via-secondary",
            help="Never ask it to move anything itself: copy through secondary storage, at twice the bytes.",
        ),
    ] = False,
    as_json: options.Json = False,
    state_dir: options.HostStateDir = None,
) -> None:
    """Log in to a vCenter once and, when that works, keep it; its password is sealed."""
    if thumbprint and insecure:
        raise InvalidParameter("--thumbprint and --insecure contradict each other: give one of the two")
    password = read_password(variable=password_env, file=password_file, whose=username)
    enter(state_dir)
    from app.inventory.vcenters import add_vcenter

    vcenter_id = add_vcenter(
        name=name,
        url=url,
        username=username,
        password=password,
        thumbprint=thumbprint,
        insecure=insecure,
        native_motion=not via_secondary,
        replace=if_absent,
    )
    if as_json:
        terminal.show_json({"id": str(vcenter_id), "name": name, "url": url})
    else:
        terminal.show(f"{name} is known as {vcenter_id}; `vrelocate vcenter sync {name}` reads its inventory now")


@app.command("list")
def list_all(*, as_json: options.Json = False, state_dir: options.HostStateDir = None) -> None:
    """List the vCenters and when each one's inventory was read."""
    enter(state_dir)
    from app.inventory.vcenters import list_vcenters

    vcenters = list_vcenters()
    if as_json:
        terminal.show_json([_as_json(vcenter) for vcenter in vcenters])
        return
    terminal.show_table(
        ("ID", "NAME", "URL", "USER", "TRUST", "SYNCED", "ERROR"),
        [
            (str(it.id), it.name, it.url, it.username, _trust(it), _time(it.synced_at), it.sync_error or "")
            for it in vcenters
        ],
    )


@app.command()
def sync(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME|ID", help="All of them when none is named.")
    ] = None,
    *,
    as_json: options.Json = False,
    state_dir: options.HostStateDir = None,
) -> None:
    """Read the inventory of vCenters now; workers do it by themselves every few minutes."""
    enter(state_dir)
    from app.inventory.sync import sync_vcenter
    from app.inventory.vcenters import list_vcenters, vcenter_named

    reports = []
    for vcenter in [vcenter_named(name) for name in names] if names else list_vcenters():
        report = sync_vcenter(vcenter.id)
        reports.append({"id": str(vcenter.id), "name": vcenter.name, **vars(report)})
        if not as_json:
            terminal.show(
                f"{vcenter.name}: zones {report.zones}, clusters {report.clusters}, hosts {report.hosts}, "
                f"pools {report.pools}, VMs {report.virtual_machines}, volumes {report.volumes}; "
                f"{report.read_seconds + report.write_seconds:.1f} s"
            )
    if as_json:
        terminal.show_json(reports)
    elif not reports:
        terminal.say("no vCenter is known yet: `vrelocate vcenter add` adds one")


@app.command()
def thumbprint(
    url: Annotated[str, typer.Argument(help="https://HOST, or https://HOST:PORT")], *, as_json: options.Json = False
) -> None:
    """Show the SHA-256 of a vCenter's certificate, to compare with what the vCenter itself shows.

    Nothing vouches for what this prints: compare it over another way before you pin it.
    """
    from app.vsphere.tls import fetch_thumbprint

    seen = fetch_thumbprint(url)
    if as_json:
        terminal.show_json({"url": url, "thumbprint": seen})
    else:
        terminal.show(seen)


def _trust(vcenter: VCenter) -> str:
    if vcenter.thumbprint:
        return "pinned"
    return "any certificate" if vcenter.insecure else "authorities"


def _time(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else "never"


def _as_json(vcenter: VCenter) -> dict[str, Any]:
    return {
        "id": str(vcenter.id),
        "name": vcenter.name,
        "url": vcenter.url,
        "username": vcenter.username,
        "thumbprint": vcenter.thumbprint,
        "insecure": vcenter.insecure,
        "syncedat": vcenter.synced_at.isoformat() if vcenter.synced_at else None,
        "syncerror": vcenter.sync_error,
    }
