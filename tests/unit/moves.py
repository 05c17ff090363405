"""Moves and situations to be judged: all in order unless a test changes something."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID, uuid4, uuid5

from app.hypervisors.move import DiskMove, Machine, Move, Pool
from app.migration.situation import Situation, Target, VolumeState
from app.vsphere.facts import DiskFormat

GIB = 2**30
_NAMED = UUID(int=0)


def id_of(name: str) -> UUID:
    """The same id for the same name."""
    return uuid5(_NAMED, name)


EAST, WEST = id_of("cluster east"), id_of("cluster west")


def pool(name: str, *clusters: UUID, hypervisor: str = "VMware") -> Pool:
    return Pool(
        id=id_of(name),
        name=name,
        moref=f"datastore-{name}",
        hypervisor=hypervisor,
        cluster_ids=frozenset(clusters or {EAST}),
    )


OLD, NEW = pool("old"), pool("new")


def disk(
    name: str = "data",
    *,
    source: Pool = OLD,
    target: Pool = NEW,
    key: int | None = None,
    format: DiskFormat | None = None,  # noqa: A002  # the field's name
    target_format: DiskFormat | None = None,
    first_class_id: str | None = None,
) -> DiskMove:
    return DiskMove(
        volume_id=id_of(name),
        name=name,
        path=f"[{source.name}] folder/{name}.vmdk",
        device_key=key,
        capacity_bytes=10 * GIB,
        needed_bytes=4 * GIB,
        source=source,
        target=target,
        format=format,
        target_format=target_format,
        first_class_id=first_class_id,
    )


def machine(*, home: Pool | None = OLD, cluster: UUID | None = EAST) -> Machine:
    return Machine(id=id_of("vm"), name="web-1", moref="vm-42", cluster_id=cluster, host_id=id_of("host"), home=home)


def move_of_disks(*disks: DiskMove, hypervisor: str = "VMware") -> Move:
    """Detached disks."""
    return Move(
        hypervisor=hypervisor,
        vcenter_id=id_of("vcenter"),
        datacenter_moref="datacenter-2",
        machine=None,
        home_target=None,
        disks=disks or (disk(),),
    )


def move_of_vm(
    *disks: DiskMove, vm: Machine | None = None, home_target: Pool | None = NEW, hypervisor: str = "VMware"
) -> Move:
    """A VM with disks; `home_target=None`: its configuration stays."""
    return replace(
        move_of_disks(hypervisor=hypervisor),
        machine=vm or machine(),
        home_target=home_target,
        disks=disks or (disk(key=2000), disk("data-2", key=2001)),
    )


def target_of(pool: Pool) -> Target:
    return Target(
        name=pool.name,
        capacity_bytes=1000 * GIB,
        free_bytes=500 * GIB,
        reserved_bytes=0,
        accessible=True,
        maintenance_mode="normal",
        tags=frozenset(),
        writable_cluster_ids=pool.cluster_ids,
    )


def situation_of(move: Move, **changes: object) -> Situation:
    """Nothing speaks against it, but for the changes."""
    sound = Situation(
        move=move,
        power_state="poweredOff" if move.machine else None,
        is_template=False,
        task_running=False,
        targets={pool.id: target_of(pool) for pool in move.targets.values()},
        volumes={disk.volume_id: VolumeState(offering=None, required_tags=frozenset()) for disk in move.disks},
    )
    return replace(sound, **changes)  # type: ignore[arg-type]


def with_target(situation: Situation, **changes: object) -> Situation:
    """The same with every target changed so."""
    targets = {key: replace(target, **changes) for key, target in situation.targets.items()}  # type: ignore[arg-type]
    return replace(situation, targets=targets)


def with_volumes(situation: Situation, **changes: object) -> Situation:
    """The same with every volume changed so."""
    volumes = {key: replace(volume, **changes) for key, volume in situation.volumes.items()}  # type: ignore[arg-type]
    return replace(situation, volumes=volumes)


def some_ids(count: int) -> Iterable[UUID]:
    return [uuid4() for _ in range(count)]
