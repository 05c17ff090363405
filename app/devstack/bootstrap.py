"""What an installation needs before it can serve: the schema, a vCenter, an API key. Done anew at every start."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from app.devstack.commands import Commands
from app.devstack.environment import VCENTER_PASSWORD
from app.devstack.private_files import write_private
from app.devstack.ready import ApiKey
from app.devstack.vcenter import Vcenter
from app.errors import ConfigurationError


class Bootstrap:
    """Runs vrelocate's own commands, as an operator would."""

    def __init__(self, commands: Commands) -> None:
        """`commands` carries them out."""
        self._commands = commands

    def upgrade_schema(self) -> None:
        """Bring the database to this version's schema."""
        self._commands.run(["db", "upgrade"])

    def add_vcenter(self, vcenter: Vcenter) -> None:
        """Make it known, or update what is known of it, and read its inventory once."""
        trust = ["--thumbprint", vcenter.thumbprint] if vcenter.thumbprint else []
        if vcenter.insecure:
            trust = ["--insecure"]
        self._commands.run(
            [
                *("vcenter", "add", vcenter.name, "--url", vcenter.url, "--username", vcenter.username, *trust),
                *("--password-env", VCENTER_PASSWORD, "--if-absent"),
            ],
            {VCENTER_PASSWORD: vcenter.password},
        )
        self._commands.run(["vcenter", "sync", vcenter.name])

    def api_key(self, file: Path) -> ApiKey:
        """Return the API key kept in `file`, made the first time.

        `file` should live and die with the database that knows the key.
        """
        try:
            return _parsed(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            # A name of its own each time: if we are killed before the key is written down, the name is used up.
            printed = self._commands.run(["keys", "create", f"devstack-{secrets.token_hex(4)}", "--json"])
            key = _parsed(printed)
            write_private(file, printed)
            return key


def _parsed(text: str) -> ApiKey:
    try:
        document = json.loads(text)
        return ApiKey(document["api_key"], document["secret_key"])
    except (ValueError, KeyError, TypeError):
        # Without the text: half of a key is a secret too.
        raise ConfigurationError("what `vrelocate keys create --json` printed is no API key") from None
