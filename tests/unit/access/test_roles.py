"""What each role may call."""

from __future__ import annotations

import pytest

from app.access.roles import Role, allows
from app.api.cloudstack.registry import SERVED

pytestmark = pytest.mark.unit

MIGRATING = {"migrateVirtualMachine", "migrateVirtualMachineWithVolume", "migrateVolume"}
ADMINISTERING = {
    "createDiskOffering", "updateDiskOffering", "updateStoragePool", "updateConfiguration", "resetConfiguration",
}  # fmt: skip
CHANGING = {*MIGRATING, *ADMINISTERING, "cancelAsyncJob", "retryAsyncJob"}


def allowed(role: Role) -> set[str]:
    return {name for name in SERVED if allows(role, name)}


def test_an_admin_may_everything() -> None:
    assert allowed(Role.ADMIN) == set(SERVED)


def test_an_operator_migrates_but_administers_nothing() -> None:
    assert allowed(Role.OPERATOR) == set(SERVED) - ADMINISTERING


def test_read_only_changes_nothing() -> None:
    assert allowed(Role.READ_ONLY) == set(SERVED) - CHANGING


@pytest.mark.parametrize("role", list(Role))
def test_everybody_may_ask_what_a_migration_would_do(role: Role) -> None:
    assert "checkMigration" in allowed(role)
