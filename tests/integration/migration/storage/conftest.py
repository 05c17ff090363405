"""A vCenter that is not to move anything by itself, and a secondary storage to go through."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import update

from app.db import transaction
from app.inventory.models import VCenter
from app.secondary.stores import add_store
from tests.integration.migration.steps import Steps
from tests.integration.migration.storage.ways import Ways


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
def ways(steps: Steps, store_id: UUID, mount: Path) -> Ways:
    with transaction() as session:
        session.execute(update(VCenter).values(native_motion=False))
    return Ways(steps, store_id, mount)
