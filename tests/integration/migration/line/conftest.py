"""Jobs that contend for slots, in a real database."""

from __future__ import annotations

import pytest

from tests.integration.migration.line.crowd import Crowd, gather


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Few slots, so that lines are long. Leases run out where a test says so, however busy the machine is."""
    return {
        **environment,
        "VRELOCATE_LEASE_SECONDS": "3600",
        "VRELOCATE_SLOTS_PER_VCENTER": "8",
        "VRELOCATE_SLOTS_PER_SOURCE_POOL": "3",
        "VRELOCATE_SLOTS_PER_TARGET_POOL": "1",
    }


@pytest.fixture
def crowd(installation: None) -> Crowd:
    """Nobody yet."""
    assert installation is None
    return gather()
