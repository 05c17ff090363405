"""The vCenter that the monkey plays with: small disks that are copied in seconds, in every form that can be moved."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POOLS = ("ds-1", "ds-2", "ds-3", "ds-4")


@dataclass(frozen=True)
class Size:
    """How many there are of each kind."""

    vms: int
    """Of each of three kinds of VMs."""
    disks: int
    """Of each of three kinds of detached disks."""


LARGE = Size(vms=60, disks=50)
"""330 entities with 450 disks."""
SMALL = Size(vms=8, disks=6)


def write_scenario(size: Size, file: Path) -> None:
    """Write the scenario; copies share the rates of datastores, one lasts a second alone, ten in a crowd."""
    file.write_text(json.dumps({"datacenters": [_datacenter(size)]}), encoding="utf-8")


def _datacenter(size: Size) -> dict[str, Any]:
    vms, disks = (f"{{1..{count}}}" for count in (size.vms, size.disks))
    placed = {"cluster": "east", "datastore": "ds-{1..4}"}
    thin, thick = {"size": "1GiB", "used": "120MB"}, {"size": "150MB", "kind": "thick"}
    return {
        "name": "dc1",
        "clusters": [{"name": "east", "hosts": ["esx-{1..4}"]}],
        "datastores": [{"name": name, "capacity": "1TiB", "rate": "300MB/s", "hosts": ["east"]} for name in POOLS],
        "vms": [
            {"name": f"plain-{vms}", **placed, "disks": [thin]},
            {"name": f"pair-{vms}", **placed, "disks": [thin, thick]},
            {"name": f"apart-{vms}", **placed, "disks": [thin, {**thick, "datastore": "ds-{2..4}"}]},
        ],
        "disks": [
            {"path": f"[ds-1] loose/thick-{disks}.vmdk", **thick},
            {"path": f"[ds-2] loose/thin-{disks}.vmdk", **thin},
        ],
        "fcds": [
            {"name": name, "datastore": POOLS[number % 4], "path": f"fcd/{name}.vmdk", "size": "200MB"}
            for number, name in enumerate(f"pvc-{count}" for count in range(1, size.disks + 1))
        ],
    }
