"""A vCenter with disks that take a worker VM, First Class Disks, and a datastore cluster."""

from __future__ import annotations

import pytest

from tests.integration.migration.programs.driving import Drive
from tests.integration.migration.steps import Steps
from tests.integration.operating import Operator
from tests.running.ledger import Ledger


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Small steps that were refused for now are asked for again at once."""
    return {**environment, "VRELOCATE_RETRY_BASE_SECONDS": "0.01", "VRELOCATE_RETRY_MAX_ATTEMPTS": "3"}


@pytest.fixture
def drive(steps: Steps, operator: Operator) -> Drive:
    """A page of the ledger begins with each test."""
    Ledger(steps.vcenter).reset()
    return Drive(steps, operator.session)
