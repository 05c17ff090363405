"""A store on a folder of the test's own, a vCenter's datastores, and a file pool."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from app.inventory.vcenters import add_vcenter
from app.secondary.stores import add_store
from tests.integration.secondary.orders import Datastores
from tests.running.vcenter import RunningVCenter


@pytest.fixture(autouse=True)
def _installed(installation: None) -> None:
    """Every test here is a part of an installation."""


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """Where secondary storage is mounted."""
    path = tmp_path / "secondary"
    path.mkdir()
    return path


@pytest.fixture
def store_id(mount: Path) -> UUID:
    return add_store("nfs-1", mount)


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Where a file pool is mounted."""
    path = tmp_path / "pool"
    path.mkdir()
    return path


@pytest.fixture
def datastores(simulated: RunningVCenter) -> Datastores:
    return Datastores(
        add_vcenter(
            name="vc",
            url=simulated.url,
            username=simulated.username,
            password=simulated.password,
            thumbprint=simulated.thumbprint,
            insecure=False,
        )
    )
