"""`vrelocate tokens create|list|revoke`."""

# ruff: noqa: PLC0415  # the database is loaded when a command runs, for `--help` to be quick

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from app.cli import options, terminal
from app.cli.durations import seconds_of
from app.cli.installation import enter

app = typer.Typer(no_args_is_help=True, help="The bearer tokens that clients of /api/v1 send.")


@app.command()
def create(
    key: Annotated[str, typer.Argument(help="The name of the key that it stands for: its role, its account.")],
    *,
    lasts: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long it is valid, 12h or 90d; without: as long as its key.")
    ] = None,
    as_json: options.Json = False,
    state_dir: options.HostStateDir = None,
) -> None:
    """Make a token and print it, this one time: it cannot be read again."""
    seconds = None if lasts is None else seconds_of(lasts)
    enter(state_dir)
    from app.access.tokens import create_token
    from app.db import transaction

    with transaction() as session:
        token, text = create_token(session, key, seconds)
        shown = {"id": str(token.id), "key": key, "token": text, "expires": _iso(token.expires_at)}
    if as_json:
        terminal.show_json(shown)
        return
    until = f", valid until {_minute(token.expires_at)}" if token.expires_at else ""
    terminal.say(f"a token for {key}{until}: send it as `Authorization: Bearer …`; it is not shown again")
    terminal.show(text)


@app.command("list")
def list_all(*, as_json: options.Json = False, state_dir: options.HostStateDir = None) -> None:
    """List the tokens, those that are of no use any more too; never what they are."""
    enter(state_dir)
    from app.access.queries import all_tokens
    from app.db import transaction

    with transaction() as session:
        tokens = all_tokens(session)
    if as_json:
        terminal.show_json(
            [
                {
                    "id": str(token.id),
                    "key": key.name,
                    "role": key.role,
                    "created": _iso(token.created_at),
                    "expires": _iso(token.expires_at),
                    "revoked": _iso(token.revoked_at or key.revoked_at),
                }
                for token, key in tokens
            ]
        )
        return
    terminal.show_table(
        ("ID", "KEY", "ROLE", "CREATED", "EXPIRES", "REVOKED"),
        [
            (
                str(token.id),
                key.name,
                key.role,
                _minute(token.created_at),
                _minute(token.expires_at),
                _minute(token.revoked_at or key.revoked_at),
            )
            for token, key in tokens
        ],
    )


@app.command()
def revoke(
    token_id: Annotated[UUID, typer.Argument(metavar="ID", help="The token's id, as `tokens list` shows it.")],
    *,
    as_json: options.Json = False,
    state_dir: options.HostStateDir = None,
) -> None:
    """Make a token useless from now on; its key and its other tokens stay."""
    enter(state_dir)
    from app.access.tokens import revoke_token
    from app.db import transaction

    with transaction() as session:
        revoke_token(session, token_id)
    if as_json:
        terminal.show_json({"id": str(token_id), "revoked": True})
    else:
        terminal.show(f"{token_id} is revoked")


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""
