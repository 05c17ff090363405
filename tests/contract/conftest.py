"""One vCenter each module, plain as govmomi ships it and the simulated one: the same tests judge both."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.contract.differences import PLAIN_DIFFERS, key_of
from tests.running.govc import Govc
from tests.running.vcenter import RunningVCenter, running_vcenter

SCENARIO = Path(__file__).with_name("scenario.yaml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect the tests listed to fail, and no other: one that passes fails here, and must leave the list."""
    for item in items:
        if (key := key_of(item.nodeid)) in PLAIN_DIFFERS:
            of = PLAIN_DIFFERS[key]
            expected = pytest.mark.xfail(
                strict=True, raises=of.raises, run=not of.is_fatal, reason=f"plain vcsim: {of.instead}"
            )
            item.add_marker(expected)


@pytest.fixture(scope="module", params=["plain", "simulated"])
def vcenter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVCenter]:
    flags = ["--plain"] if request.param == "plain" else []
    with running_vcenter(tmp_path_factory.mktemp("vcenter"), "--scenario", SCENARIO, *flags) as running:
        yield running


@pytest.fixture(scope="module")
def certificate(vcenter: RunningVCenter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vCenter's certificate, which is its own authority: clients verify it as they would any other."""
    address = urlsplit(vcenter.url)
    assert address.hostname
    assert address.port
    path = tmp_path_factory.mktemp("certificate") / "vcenter.pem"
    path.write_text(ssl.get_server_certificate((address.hostname, address.port)), encoding="ascii")
    return path


@pytest.fixture(scope="module")
def govc(vcenter: RunningVCenter, certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Govc:
    return Govc(vcenter, home=tmp_path_factory.mktemp("govc"), certificate=certificate)
