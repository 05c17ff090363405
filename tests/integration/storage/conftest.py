"""A vCenter with First Class Disks, datastore clusters and odd VMs, in an inventory of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.inventory import sync
from app.inventory.vcenters import session_to
from app.vsphere.facts import Inventory
from app.vsphere.inventory import read_inventory
from tests.integration import known
from tests.running.vcenter import RunningVCenter

TakeIn = Callable[[Inventory], None]


@pytest.fixture
def vcenter_id(installation: None, simulated: RunningVCenter) -> UUID:
    """The simulated vCenter, added and read."""
    assert installation is None
    return known.add(simulated)


@pytest.fixture
def shown(vcenter_id: UUID) -> Inventory:
    """What the vCenter shows."""
    return read_inventory(session_to(vcenter_id), "vrelocate-storage")


@pytest.fixture
def take_in(vcenter_id: UUID) -> TakeIn:
    """Write an inventory down, as a pass that began now does."""

    def write(seen: Inventory) -> None:
        with transaction() as session:
            sync._write(session, vcenter_id, seen, session.scalars(select(func.clock_timestamp())).one())

    return write
