"""Addresses and forwarded ports, of which there are none: `listPublicIpAddresses` and its like.

apache-libcloud's `list_nodes` asks for all of them on its way to a list of VMs, and takes the 401 of a command
that is not served as a refusal of its key.
"""

from __future__ import annotations

from app.api.cloudstack.command import Call, Command, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.paging import PAGING, listing
from app.api.cloudstack.parameters import Kind, Parameter
from app.api.cloudstack.shapes import Field, Shape
from app.inventory.models import Zone

_ZONE = Parameter("zoneid", Kind.UUID, "the availability zone ID", entity=Zone)


def _always_empty(name: str, description: str, key: str, *parameters: Parameter) -> Command:
    """Declare a list in which there never is anything; what its things would be called is `key`."""
    shape = Shape[None](key, (Field("id", "string", "the ID; there is none here", lambda _: None),))

    @command(name, description, response=shape, parameters=(*parameters, *PAGING))
    def answer(_: Call) -> Content:
        return listing(key, [], 0)

    return answer


COMMANDS = (
    _always_empty("listPublicIpAddresses", "Lists all public ip addresses: none here", "publicipaddress", _ZONE),
    _always_empty("listPortForwardingRules", "Lists all port forwarding rules: none here", "portforwardingrule"),
    _always_empty("listIpForwardingRules", "Lists the IP forwarding rules: none here", "ipforwardingrule"),
)
