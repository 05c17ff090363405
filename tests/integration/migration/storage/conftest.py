"""A vCenter that is not to move anything by itself, and a secondary storage to go through."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import update

from app.db import transaction
from app.inventory.models import VCenter
from app.secondary import copying
from app.secondary.stores import add_store
from tests.integration.migration.steps import Steps
from tests.integration.migration.storage.ways import Ways
from tests.integration.operating import Operator
from tests.running.ledger import Ledger


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Small steps that were refused for now are asked for again at once."""
    return {**environment, "VRELOCATE_RETRY_BASE_SECONDS": "0.01", "VRELOCATE_RETRY_MAX_ATTEMPTS": "2"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Carriers do not rest before they try again what has failed."""
    monkeypatch.setattr(copying, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(copying, "_LONGEST_PAUSE_SECONDS", 0.02)


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """Where secondary storage is mounted."""
    path = tmp_path / "secondary"
    path.mkdir()
    return path


@pytest.fixture
def store_id(steps: Steps, mount: Path) -> UUID:
    assert steps.vcenter_id
    return add_store("nfs-1", mount)


@pytest.fixture
def ways(steps: Steps, store_id: UUID, mount: Path, operator: Operator) -> Ways:
    with transaction() as session:
        session.execute(update(VCenter).values(native_motion=False))
    Ledger(steps.vcenter).reset()
    return Ways(steps, operator.session, store_id, mount)
