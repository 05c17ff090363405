"""A small simulated vCenter of the test's own, to which anything may happen, and a session with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.vsphere.endpoint import Endpoint
from app.vsphere.session import Session
from tests.running.faults import Faults
from tests.running.ledger import Ledger
from tests.running.vcenter import RunningVCenter, running_vcenter

SCENARIO = Path(__file__).with_name("scenario.yaml")


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[RunningVCenter]:
    with running_vcenter(tmp_path, "--scenario", SCENARIO, "--admin", "127.0.0.1:0") as running:
        yield running


@pytest.fixture
def faults(troubled: RunningVCenter) -> Faults:
    return Faults(troubled)


@pytest.fixture
def ledger(troubled: RunningVCenter) -> Ledger:
    return Ledger(troubled)


@pytest.fixture
def session(troubled: RunningVCenter) -> Iterator[Session]:
    made = Session(
        Endpoint(troubled.url, troubled.username, SecretStr(troubled.password), troubled.thumbprint), timeout_seconds=10
    )
    yield made
    made.close()
