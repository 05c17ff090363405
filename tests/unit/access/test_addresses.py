"""Where a vCenter may be that is named over the API."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from app.access import addresses
from app.access.addresses import AddressNotAllowed, require_allowed
from app.errors import ConfigurationError, ResourceUnavailable
from app.settings import Settings

pytestmark = pytest.mark.unit

Allowed = Callable[[str | None], None]


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> Allowed:
    def set_to(text: str | None) -> None:
        made = Settings.model_construct(vcenter_addresses=text)
        monkeypatch.setattr(addresses, "settings", lambda: made)

    return set_to


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names stand for; nobody outside is asked."""
    known: dict[str, list[str]] = {}

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        if host not in known:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.9.9.9", "169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::"),  # noqa: S104  # refused, not bound
        *("fe80::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "inside.example", "both.example"),
    ],
)
def test_what_only_this_machine_can_reach_is_refused(allowed: Allowed, names: dict[str, list[str]], host: str) -> None:
    allowed(None)
    names |= {"inside.example": ["127.0.0.1"], "both.example": ["10.1.2.3", "169.254.169.254"]}
    with pytest.raises(AddressNotAllowed, match="VRELOCATE_VCENTER_ADDRESSES"):
        require_allowed(host, 443)


@pytest.mark.parametrize("host", ["10.1.2.3", "192.168.0.9", "203.0.113.7", "fd00::5", "vc.example"])
def test_where_vcenters_are_is_allowed(allowed: Allowed, names: dict[str, list[str]], host: str) -> None:
    allowed(None)
    names["vc.example"] = ["10.1.2.3", "fd00::5"]
    require_allowed(host, 443)


def test_a_name_that_nobody_knows(allowed: Allowed, names: dict[str, list[str]]) -> None:
    allowed(None)
    assert not names
    with pytest.raises(ResourceUnavailable, match=r"nobody knows the name vc\.example"):
        require_allowed("vc.example", 443)


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("vc.example", True),
        ("VC.Example", True),
        ("a.lab.example", True),
        ("lab.example", False),
        ("vc.example.evil", False),
        ("10.1.255.1", True),
        ("10.2.0.1", False),
        ("127.0.0.1", True),
        ("::ffff:10.1.0.1", True),
        ("fd00::1", False),
    ],
)
def test_a_list_allows_what_it_names_and_looks_nothing_up(allowed: Allowed, host: str, *, is_allowed: bool) -> None:
    allowed("vc.example, *.lab.example,10.1.0.0/16 127.0.0.1")
    if is_allowed:
        require_allowed(host, 443)
        return
    with pytest.raises(AddressNotAllowed, match="none of the addresses"):
        require_allowed(host, 443)


def test_a_network_that_is_none(allowed: Allowed) -> None:
    allowed("10.0.0.1/8")
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.1/8 is no network"):
        require_allowed("10.0.0.1", 443)
