"""Which variables vrelocate's processes get, and which stay behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.devstack import environment
from app.devstack.environment import DATABASE_URLS, configured, for_children, installation

pytestmark = pytest.mark.unit

KEY = Path("/state/secrets/master-key")


@pytest.fixture(autouse=True)
def _no_master_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment.MASTER_KEYS:
        monkeypatch.delenv(name, raising=False)


def test_ours_comes_before_what_platforms_set_and_empty_is_not_set() -> None:
    assert configured(DATABASE_URLS, {"DATABASE_URL": "b", "VRELOCATE_DATABASE_URL": "a"}) == "a"
    assert configured(DATABASE_URLS, {"DATABASE_URL": "b", "VRELOCATE_DATABASE_URL": ""}) == "b"
    assert configured(DATABASE_URLS, {"PGDATABASE": "c"}) is None


def test_the_installation_is_three_variables() -> None:
    assert installation("postgresql://d", "redis://r", KEY) == {
        "VRELOCATE_DATABASE_URL": "postgresql://d",
        "VRELOCATE_REDIS_URL": "redis://r",
        "VRELOCATE_MASTER_KEY_FILE": str(KEY),
    }


def test_a_master_key_of_the_users_own_is_not_hidden_by_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VRELOCATE_MASTER_KEY", "theirs")
    assert "VRELOCATE_MASTER_KEY_FILE" not in installation("postgresql://d", "redis://r", KEY)


def test_children_get_the_users_settings_but_not_the_vcenters_password() -> None:
    users = {
        "PATH": "/bin",
        "VRELOCATE_LOG_LEVEL": "DEBUG",
        "VRELOCATE_DATABASE_URL": "",
        "VRELOCATE_VCENTER_PASSWORD": "s3cret",
        "VRELOCATE_VCENTER_PASSWORD_FILE": "/secret",
    }
    assert for_children({"VRELOCATE_DATABASE_URL": "postgresql://d"}, users) == {
        "PATH": "/bin",
        "VRELOCATE_LOG_LEVEL": "DEBUG",
        "VRELOCATE_DATABASE_URL": "postgresql://d",
        "PYTHONUNBUFFERED": "1",
    }
