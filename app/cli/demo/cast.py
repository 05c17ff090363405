"""Who takes part in the demo, as `simulator/scenarios/demo.yaml` names them, and what is expected of each."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.cli.apiclient import ApiClient, Entity
from app.cli.naming import POOL, VM, VOLUME, Kind, resolve
from app.errors import ConfigurationError

OLD, NEW, OTHER_CLUSTERS = "ds-old", "ds-new", "ds-b"
MOVING_VM = re.compile(r"app-\d+")
MOVING_DISK = re.compile(r"\[ds-old\] detached/")
MOVING_VMS, MOVING_DISKS = 10, 5
FAILS_ONCE, WRONG_TAGS, WRONG_CLUSTER, RUNNING = "flaky-01", "refused-tags", "refused-cluster", "refused-running"
OFFERING, OFFERING_TAG = "gold disks", "gold"


class Expected(StrEnum):
    """How a migration of the demo shall end."""

    MOVED = "moved"
    MOVED_ON_RETRY = "fails half-way, moved on its retry"
    REFUSED_FOR_TAGS = "refused: the target lacks a storage tag"
    REFUSED_FOR_CLUSTERS = "refused: the target is another cluster's"
    REFUSED_WHILE_RUNNING = "refused: the VM is running"


WORDS = {
    Expected.REFUSED_FOR_TAGS: f"storage tags {OFFERING_TAG}",
    Expected.REFUSED_FOR_CLUSTERS: "cross-cluster",
    Expected.REFUSED_WHILE_RUNNING: "stop it first",
}
"""What the reason of a refusal must speak of: being refused for something else would be no success."""


@dataclass(frozen=True)
class Part:
    """One migration of the demo."""

    kind: Kind
    entity: Entity
    target: Entity
    expected: Expected
    disks: tuple[Entity, ...]
    """Its volumes as the API showed them before anything was asked."""

    @property
    def name(self) -> str:
        """What people call the VM or the volume."""
        return str(self.entity["name"])


def casting(api: ApiClient) -> list[Part]:
    """Return the migrations of the demo; raises `ConfigurationError` when the inventory is not the demo's."""
    old, new, other = (resolve(api, POOL, name) for name in (OLD, NEW, OTHER_CLUSTERS))
    vms = {str(vm["name"]): vm for vm in api.entities(VM.command, VM.key)}
    volumes = list(api.entities(VOLUME.command, VOLUME.key))
    disks_of = _by_vm(volumes)

    moving = sorted(name for name in vms if MOVING_VM.fullmatch(name))
    loose = [it for it in volumes if it["storageid"] == old["id"] and MOVING_DISK.match(_path(it))]
    if len(moving) != MOVING_VMS or len(loose) != MOVING_DISKS:
        raise ConfigurationError(
            f"the demo's vCenter should hold {MOVING_VMS} VMs app-… and {MOVING_DISKS} detached disks on {OLD}, "
            f"but {len(moving)} and {len(loose)} were found"
        )
    cast = [(name, new, Expected.MOVED) for name in moving]
    cast += [
        (FAILS_ONCE, new, Expected.MOVED_ON_RETRY),
        (WRONG_TAGS, new, Expected.REFUSED_FOR_TAGS),
        (WRONG_CLUSTER, other, Expected.REFUSED_FOR_CLUSTERS),
        (RUNNING, new, Expected.REFUSED_WHILE_RUNNING),
    ]
    if missing := [name for name, _target, _expected in cast if name not in vms]:
        raise ConfigurationError(f"the demo's vCenter lacks the VMs {', '.join(missing)}")
    parts = [Part(VM, vms[name], target, expected, tuple(disks_of[vms[name]["id"]])) for name, target, expected in cast]
    loose.sort(key=_path)
    return parts + [Part(VOLUME, it, new, Expected.MOVED, (it,)) for it in loose]


def _by_vm(volumes: Iterable[Entity]) -> dict[str, list[Entity]]:
    """Return the volumes of each VM, by the VM's id."""
    found = defaultdict(list)
    for volume in volumes:
        if vm_id := volume.get("virtualmachineid"):
            found[str(vm_id)].append(volume)
    return found


def _path(volume: Entity) -> str:
    return str(volume.get("path", ""))
