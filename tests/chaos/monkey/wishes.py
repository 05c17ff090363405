"""What clients ask for, drawn from the seed: of what, how, whether it is cancelled, and whether it is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from uuid import UUID

from app.cli.apiclient import ApiClient
from tests.chaos.monkey.world import POOLS


@dataclass(frozen=True)
class Entity:
    """A VM with its disks, or a detached disk."""

    name: str
    vm: str | None
    volumes: tuple[str, ...]


@dataclass(frozen=True)
class Wish:
    """One job that a client wants."""

    job_id: str
    """Chosen by the client: the same call with the same id gives the same job, however often it is sent."""
    entity: Entity
    command: str
    volumes: tuple[str, ...]
    """Those that are named; none: the whole VM."""
    to: tuple[str, ...]
    """The pools in some order: the first that it does not lie on is the target."""
    cancelled_after_seconds: float | None
    tries_again: int
    """So often a job that has failed or was cancelled is tried again by hand."""


def entities(client: ApiClient) -> tuple[list[Entity], dict[str, str]]:
    """Read what there is to move, in an order that the seed can be applied to, and the pool of each volume."""
    disks: dict[str, list[str]] = {}
    loose, pools = [], {}
    for volume in client.entities("listVolumes", "volume"):
        pools[volume["id"]] = str(volume["storage"])
        if machine := volume.get("virtualmachineid"):
            disks.setdefault(machine, []).append(volume["id"])
        else:
            loose.append(Entity(volume["name"], None, (volume["id"],)))
    machines = [
        Entity(vm["name"], vm["id"], tuple(disks[vm["id"]]))
        for vm in client.entities("listVirtualMachines", "virtualmachine")
    ]
    return sorted([*machines, *loose], key=lambda entity: entity.name), pools


def wishes(subjects: list[Entity], draw: Random) -> Iterator[Wish]:
    """Draw wishes without an end."""
    while True:
        entity = draw.choice(subjects)
        volumes: tuple[str, ...] = ()
        command = "migrateVolume"
        if entity.vm:
            command = draw.choice(["migrateVirtualMachine"] * 3 + ["migrateVolume", "migrateVirtualMachineWithVolume"])
        if command == "migrateVolume":
            volumes = (draw.choice(entity.volumes),)
        elif command == "migrateVirtualMachineWithVolume":
            volumes = tuple(draw.sample(entity.volumes, draw.randint(1, len(entity.volumes))))
        yield Wish(
            job_id=str(UUID(int=draw.getrandbits(128), version=4)),
            entity=entity,
            command=command,
            volumes=volumes,
            to=tuple(draw.sample(POOLS, len(POOLS))),
            cancelled_after_seconds=draw.uniform(0, 6) if draw.random() < 0.1 else None,
            tries_again=draw.choice([0, 1, 1, 2]),
        )
