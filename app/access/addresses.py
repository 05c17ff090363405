"""Which addresses a vCenter may have that somebody names over the API.

Whoever may add vCenters makes this machine talk to an address of their choice. It must not be made to talk to what only
it can reach: itself, or the metadata service of a cloud (server-side request forgery). A command on the host itself may
name any address: whoever runs it can reach them all.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from app.errors import ConfigurationError, PermissionDenied, ResourceUnavailable
from app.settings import settings

_Address = IPv4Address | IPv6Address


class AddressNotAllowed(PermissionDenied):
    """No vCenter may be at that address."""


def require_allowed(host: str, port: int) -> None:
    """Raise `AddressNotAllowed` unless a vCenter may be there, `ResourceUnavailable` for a name that nobody knows.

    Where the setting `vcenter_addresses` names hosts and networks, these alone are allowed: names by their pattern, and
    addresses that are given as such by their network; no name is looked up. Without it every address is allowed that a
    name stands for, if it is none of this machine's own, link-local, multicast or reserved.
    """
    allowed = settings().vcenter_addresses
    literal = _literal(host)
    if allowed:
        if not _is_listed(host.lower(), literal, allowed.replace(",", " ").split()):
            raise AddressNotAllowed(
                f"{host} is none of the addresses that VRELOCATE_VCENTER_ADDRESSES allows: have it added there"
            )
        return
    for address in [literal] if literal else _looked_up(host, port):
        if _is_special(address):
            raise AddressNotAllowed(
                f"{host} is {address}, which is for this machine or its own network alone: a vCenter there is added "
                "with `vrelocate vcenter add` on the host, or VRELOCATE_VCENTER_ADDRESSES allows it"
            )


def _is_listed(host: str, literal: _Address | None, allowed: Iterable[str]) -> bool:
    for entry in allowed:
        network = _network(entry)
        if network is None:
            if literal is None and fnmatchcase(host, entry.lower()):
                return True
        elif literal is not None and literal.version == network.version and literal in network:
            return True
    return False


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        if "/" in entry:
            raise ConfigurationError(f"VRELOCATE_VCENTER_ADDRESSES: {entry} is no network") from None
        return None


def _literal(host: str) -> _Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    # ::ffff:127.0.0.1 is 127.0.0.1.
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _looked_up(host: str, port: int) -> list[_Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ResourceUnavailable(f"nobody knows the name {host}: {error}") from error
    addresses = [_literal(str(place[0]).partition("%")[0]) for *_, place in found]
    return [address for address in addresses if address is not None]


def _is_special(address: _Address) -> bool:
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
    )
