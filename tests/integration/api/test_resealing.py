"""The master key is changed: both are there for a while, everything is sealed anew, then the old one is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from app.access.keys import authenticate, create_key
from app.access.queries import key_named
from app.access.signature import sign
from app.cli.main import app
from app.db import transaction
from app.errors import ConfigurationError
from app.inventory.models import VCenter
from app.inventory.vcenters import endpoint_of
from app.sealing import seal
from tests.running.databases import Databases

pytestmark = pytest.mark.integration

Configured = Callable[[dict[str, str]], AbstractContextManager[None]]


def test_a_new_master_key(databases: Databases, configured: Configured) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    with databases.fresh() as url:
        base = {"VRELOCATE_DATABASE_URL": url, "VRELOCATE_REDIS_URL": "redis://127.0.0.1:1/0"}
        with configured({**base, "VRELOCATE_MASTER_KEY": old}), transaction() as session:
            key, secret = create_key(session, "k")
            vcenter = VCenter(name="vc", url="https://vc.example", username="u", password_sealed=seal("p"))
            session.add(vcenter)
        request = {"command": "listZones", "apikey": key.key}
        request["signature"] = sign(request, secret)
        with configured({**base, "VRELOCATE_MASTER_KEY": new}):
            refused = CliRunner().invoke(app, ["reseal"])
            assert refused.exit_code == 3, "with the new one alone nothing can be read"
        with configured({**base, "VRELOCATE_MASTER_KEY": f"{new}\n{old}"}):
            done = CliRunner().invoke(app, ["reseal", "--json"])
            assert (done.exit_code, json.loads(done.stdout)) == (0, {"keys": 1, "vcenters": 1}), done.output
        with configured({**base, "VRELOCATE_MASTER_KEY": new}), transaction() as session:
            assert authenticate(session, request).key_name == "k"
            assert endpoint_of(session, vcenter.id).password.get_secret_value() == "p"
        with configured({**base, "VRELOCATE_MASTER_KEY": old}), transaction() as session:
            assert key_named(session, "k") is not None
            with pytest.raises(ConfigurationError, match="another master key"):
                authenticate(session, request)
