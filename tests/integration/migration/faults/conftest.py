"""One installation and one simulated vCenter for all the tests of a file."""

from __future__ import annotations

import pytest

from app.devstack.valkey import Valkey
from tests.integration.migration.faults.laboratory import Laboratory
from tests.running.databases import Databases


@pytest.fixture(scope="session")
def laboratory(databases: Databases, valkey: Valkey, master_key: str) -> Laboratory:
    return Laboratory(databases, valkey, master_key)
