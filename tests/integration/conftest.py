"""vCenters for the tests that need one: the simulated one with its scenario, and vcsim as govmomi ships it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.vsphere.endpoint import Endpoint
from app.vsphere.session import Session
from tests.integration.in_turn import InTurn
from tests.integration.operating import Operator
from tests.integration.remembered import RememberedInventory
from tests.running.faults import Faults
from tests.running.vcenter import RunningVCenter, running_vcenter

PLAIN = ["-dc", "1", "-cluster", "1", "-host", "2", "-standalone-host", "0", "-ds", "2", "-vm", "8", "-autostart=false"]


@pytest.fixture(scope="module")
def scenario(request: pytest.FixtureRequest) -> Path:
    """The `scenario.yaml` of the tests' folder, or of the next one above that has one."""
    folders = (folder / "scenario.yaml" for folder in request.path.parents)
    return next(path for path in folders if path.exists())


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory, scenario: Path) -> Iterator[RunningVCenter]:
    """The simulated vCenter of the scenario, a fresh one for each file of tests."""
    folder = tmp_path_factory.mktemp("simulated")
    with running_vcenter(folder, "--scenario", scenario, "--admin", "127.0.0.1:0") as vcenter:
        yield vcenter


@pytest.fixture
def faults(simulated: RunningVCenter) -> Iterator[Faults]:
    """Trouble that is lifted when its test is over."""
    planted = Faults(simulated)
    yield planted
    planted.lift_all()


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVCenter]:
    """A vCenter whose behaviour nobody here wrote."""
    with running_vcenter(tmp_path_factory.mktemp("plain"), "--plain", *PLAIN) as vcenter:
        yield vcenter


@pytest.fixture(scope="module")
def unused() -> InTurn:
    """Names of the scenario's numbered VMs and disks that no test has had yet."""
    return InTurn()


@pytest.fixture(scope="module")
def remembered(simulated: RunningVCenter) -> RememberedInventory:
    """The inventory of the simulated vCenter as it was in the beginning."""
    return RememberedInventory(simulated)


@pytest.fixture
def operator(simulated: RunningVCenter) -> Iterator[Operator]:
    """Somebody who works with the simulated vCenter beside us."""
    session = Session(
        Endpoint(simulated.url, simulated.username, SecretStr(simulated.password), simulated.thumbprint),
        timeout_seconds=30,
    )
    yield Operator(session)
    session.close()
