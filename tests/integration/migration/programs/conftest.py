"""A vCenter with disks that take a worker VM, First Class Disks, and a datastore cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.migration.programs.driving import Drive
from tests.integration.migration.steps import Steps
from tests.integration.operating import Operator
from tests.running.faults import Faults
from tests.running.ledger import Ledger
from tests.running.vcenter import RunningVCenter, running_vcenter

SCENARIO = Path(__file__).with_name("scenario.yaml")
FLAGS: list[str | Path] = ["--scenario", SCENARIO, "--admin", "127.0.0.1:0"]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVCenter]:
    with running_vcenter(tmp_path_factory.mktemp("simulated"), *FLAGS) as vcenter:
        yield vcenter


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Small steps that were refused for now are asked for again at once."""
    return {**environment, "VRELOCATE_RETRY_BASE_SECONDS": "0.01", "VRELOCATE_RETRY_MAX_ATTEMPTS": "3"}


@pytest.fixture
def drive(steps: Steps, operator: Operator) -> Drive:
    """A page of the ledger begins with each test."""
    Ledger(steps.vcenter).reset()
    return Drive(steps, operator.session)


@pytest.fixture
def faults(simulated: RunningVCenter) -> Iterator[Faults]:
    """Trouble that is lifted when its test is over."""
    planted = Faults(simulated)
    yield planted
    planted.lift_all()
