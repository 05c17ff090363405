"""`vrelocate keys create|list|revoke`, `vrelocate keygen` and `vrelocate reseal`."""

# ruff: noqa: PLC0415  # the database is loaded when a command runs, for `--help` to be quick

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli import options, terminal
from app.cli.installation import enter

app = typer.Typer(no_args_is_help=True, help="The keys that API clients sign with.")


class RoleName(StrEnum):
    """The roles of `app.access.roles`, whose docstrings say what each may do."""

    ADMIN = "admin"
    OPERATOR = "operator"
    READ_ONLY = "read-only"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, as logs and job histories will show it.")],
    *,
    role: Annotated[
        RoleName, typer.Option(help="admin: everything; operator: look and migrate; read-only: look.")
    ] = RoleName.ADMIN,
    zone: Annotated[
        list[str] | None,
        typer.Option(help="A zone (name or id) that it is limited to, for operator and read-only; may be repeated."),
    ] = None,
    as_json: options.Json = False,
    state_dir: options.HostStateDir = None,
) -> None:
    """Make a key and print it with its secret, this one time: the secret cannot be read again."""
    enter(state_dir)
    from app.access.keys import create_key
    from app.access.roles import Role
    from app.db import transaction
    from app.inventory.zones import zones_named

    with transaction() as session:
        key, secret = create_key(session, name, Role(role.value), zones_named(session, zone) if zone else None)
        shown: dict[str, object] = {"name": key.name, "role": key.role, "api_key": key.key, "secret_key": secret}
        if key.zone_ids is not None:
            shown["zones"] = [str(zone_id) for zone_id in key.zone_ids]
    if as_json:
        terminal.show_json(shown)
        return
    limits = f", limited to {', '.join(zone)}" if zone else ""
    terminal.say(
        f"{name}, {role.value}{limits}: put these into the client's environment; the secret is not shown again"
    )
    terminal.show(f"VRELOCATE_API_KEY={shown['api_key']}")
    terminal.show(f"VRELOCATE_SECRET_KEY={secret}")


@app.command("list")
def list_all(*, as_json: options.Json = False, state_dir: options.HostStateDir = None) -> None:
    """List the keys, revoked ones too; never their secrets."""
    enter(state_dir)
    from app.access.queries import all_keys
    from app.db import transaction
    from app.inventory.queries import Filter, Page, list_zones

    with transaction() as session:
        keys = all_keys(session)
        names = {zone.id: zone.name for zone in list_zones(session, Filter(removed=True), Page())[0]}
    if as_json:
        terminal.show_json(
            [
                {
                    "name": key.name,
                    "role": key.role,
                    "api_key": key.key,
                    "zones": [str(zone_id) for zone_id in key.zone_ids] if key.zone_ids is not None else None,
                    "created": key.created_at.isoformat(),
                    "revoked": key.revoked_at.isoformat() if key.revoked_at else None,
                }
                for key in keys
            ]
        )
        return
    terminal.show_table(
        ("NAME", "ROLE", "ZONES", "CREATED", "REVOKED", "KEY"),
        [
            (
                key.name,
                key.role,
                "all" if key.zone_ids is None else ", ".join(names.get(it, str(it)) for it in key.zone_ids),
                f"{key.created_at:%Y-%m-%d %H:%M} UTC",
                f"{key.revoked_at:%Y-%m-%d %H:%M} UTC" if key.revoked_at else "",
                key.key,
            )
            for key in keys
        ],
    )


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The key's name.")],
    *,
    as_json: options.Json = False,
    state_dir: options.HostStateDir = None,
) -> None:
    """Make a key useless from now on; jobs that it started go on."""
    enter(state_dir)
    from app.access.keys import revoke_key
    from app.db import transaction

    with transaction() as session:
        revoke_key(session, name)
    if as_json:
        terminal.show_json({"name": name, "revoked": True})
    else:
        terminal.show(f"{name} is revoked")


def keygen() -> None:
    """Print a new master key, which seals credentials at rest.

    Keep it in a file of mode 0600 and name that file in VRELOCATE_MASTER_KEY_FILE, the same for every process.
    """
    from app.sealing import new_key

    terminal.show(new_key())


def reseal(*, as_json: options.Json = False, state_dir: options.HostStateDir = None) -> None:
    """Seal every stored secret with the first master key, so that the others can be taken out of the key file.

    All of them in one transaction: it is done, or nothing has changed.
    """
    enter(state_dir)
    from app.access.audit import Action, record
    from app.access.keys import reseal_secrets
    from app.db import transaction
    from app.inventory.vcenter_changes import reseal_passwords

    with transaction() as session:
        done = {"keys": reseal_secrets(session), "vcenters": reseal_passwords(session)}
        record(session, Action.RESEAL, None, **done)
    if as_json:
        terminal.show_json(done)
    else:
        terminal.show(
            f"sealed with the first master key: the secrets of {done['keys']} keys, "
            f"the passwords of {done['vcenters']} vCenters"
        )
