"""A vCenter with all that checks must know of, plain as govmomi ships it and the simulated one, and a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.vsphere.endpoint import Endpoint
from app.vsphere.facts import Inventory, VirtualMachine
from app.vsphere.inventory import read_inventory
from app.vsphere.session import Session
from tests.running.vcenter import RunningVCenter, running_vcenter

SCENARIO = Path(__file__).with_name("scenario.yaml")


@pytest.fixture(scope="module", params=["plain", "simulated"])
def vcenter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVCenter]:
    flags = ["--plain"] if request.param == "plain" else ["--admin", "127.0.0.1:0"]
    with running_vcenter(tmp_path_factory.mktemp("vcenter"), "--scenario", SCENARIO, *flags) as running:
        yield running


@pytest.fixture
def session(vcenter: RunningVCenter) -> Iterator[Session]:
    made = Session(
        Endpoint(vcenter.url, vcenter.username, SecretStr(vcenter.password), vcenter.thumbprint), timeout_seconds=30
    )
    yield made
    made.close()


@pytest.fixture
def inventory(session: Session) -> Inventory:
    return read_inventory(session, "vrelocate-storage")


@pytest.fixture
def machines(inventory: Inventory) -> dict[str, VirtualMachine]:
    return {vm.name: vm for vm in inventory.virtual_machines}
