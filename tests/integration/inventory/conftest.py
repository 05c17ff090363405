"""The inventory of a vCenter in a database of the test's own."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.integration import known
from tests.running.vcenter import RunningVCenter


@pytest.fixture
def vcenter_id(installation: None, simulated: RunningVCenter) -> UUID:
    """The simulated vCenter, added and read."""
    assert installation is None
    return known.add(simulated)
