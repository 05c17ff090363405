"""What an operator wants moved, in the API's parameters: the same for asking for it and for asking what it would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.cli.apiclient import ApiClient, Entity
from app.cli.naming import POOL, VM, VOLUME, Kind, resolve
from app.cli.options import Format
from app.errors import InvalidParameter

_PROVISIONING_TYPES = {Format.THIN: "thin", Format.THICK: "sparse", Format.EAGER: "fat"}
"""CloudStack's words for them (docs/cloudstack-api.md)."""


@dataclass(frozen=True)
class How:
    """How it is to be moved."""

    format: Format | None = None
    """What disks are converted to; `None`: each stays as it is."""
    with_home: bool | None = None
    """Whether the VM's configuration goes along; `None`: with its first disk."""
    timeout_seconds: int | None = None
    """For how long vCenter may work on it; `None`: as long as the installation's setting says."""
    priority: int = 0
    """Its rank in every line; the default is not sent, for an API that knows none."""

    def parameters(self) -> dict[str, object]:
        """Return the API's parameters for it; `None` is not sent."""
        return {
            "provisioningtype": _PROVISIONING_TYPES[self.format] if self.format else None,
            "movehome": None if self.with_home is None else str(self.with_home).lower(),
            "timeout": self.timeout_seconds,
            "priority": self.priority or None,
        }


@dataclass(frozen=True)
class Wish:
    """One thing that shall go somewhere."""

    kind: Kind
    entity: Entity
    pool: Entity | None
    """Where all of it goes that `disks` does not name; `None`: that stays where it is."""
    disks: Mapping[str, Entity] = field(default_factory=dict)
    """Volume's id → its pool."""
    how: How = How()

    @property
    def name(self) -> str:
        """What people call the VM or volume."""
        return str(self.entity.get("name") or self.entity["id"])

    @property
    def targets(self) -> list[str]:
        """What people call the pools that something goes to, each once."""
        pools = [*([self.pool] if self.pool else []), *self.disks.values()]
        return list(dict.fromkeys(str(pool["name"]) for pool in pools))

    @property
    def command(self) -> str:
        """Return the API's command for it."""
        if self.kind is not VM:
            return "migrateVolume"
        return "migrateVirtualMachineWithVolume" if self.disks else "migrateVirtualMachine"

    def parameters(self) -> dict[str, object]:
        """Return the parameters of that command; `checkMigration` takes the same."""
        subject = "virtualmachineid" if self.kind is VM else "volumeid"
        asked: dict[str, object] = {subject: self.entity["id"], "storageid": self.pool and self.pool["id"]}
        for number, (volume_id, pool) in enumerate(self.disks.items()):
            asked[f"migrateto[{number}].volume"] = volume_id
            asked[f"migrateto[{number}].pool"] = pool["id"]
        return asked | self.how.parameters()

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        what: dict[str, Any] = {"name": self.name, "id": self.entity["id"]}
        if self.pool:
            what["to"] = self.pool["id"]
        if self.disks:
            what["disks"] = {volume_id: pool["id"] for volume_id, pool in self.disks.items()}
        return what


def goals_of(api: ApiClient, vm: Entity, given: Sequence[str]) -> dict[str, Entity]:
    """Return volume's id → pool for the `VOLUME=POOL` that were given; volumes are looked for among the VM's own.

    Raises `NotFound` and `InvalidParameter` as `naming.resolve` does, and for what is given twice or is no pair.
    """
    goals: dict[str, Entity] = {}
    for text in given:
        # A pool's name may hold an equals sign as well as a disk's; vCenter takes both, and people use neither.
        volume_name, equals, pool_name = text.partition("=")
        if not equals or not volume_name or not pool_name:
            raise InvalidParameter(f"--disk {text}: a disk and a pool are needed, as in --disk data-01=ds-new")
        volume = resolve(api, VOLUME, volume_name, of_vm=vm["id"])
        if volume["id"] in goals:
            raise InvalidParameter(f"--disk {text}: {volume_name} was given before, name one pool for it")
        goals[volume["id"]] = resolve(api, POOL, pool_name)
    return goals
