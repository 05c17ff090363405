"""A disk as vCenter shows it now, attached or not, in the words of the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from app.filepools.images import SUFFIXES
from app.inventory.models import StoragePool, VirtualMachine
from app.inventory.traits import VolumeTraits
from app.vsphere import facts


def path_on_pool(path: str) -> str:
    """Return the part of a datastore path behind `[name]`."""
    return path.partition("] ")[2] or path


_ENDINGS = (".vmdk", *SUFFIXES)


def volume_name(path: str) -> str:
    """Return what people call a disk: its file's name without the ending."""
    name = path_on_pool(path).rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return stem if dot and f".{ending}" in _ENDINGS else name


@dataclass(frozen=True)
class Shown:
    """A disk, where it is, and what it is."""

    pool: StoragePool
    path: str
    vm: VirtualMachine | None
    """`None`: detached."""
    key: int | None
    unit: int | None
    uuid: str | None
    fcd_id: str | None
    capacity_bytes: int
    physical_bytes: int | None
    thin: bool | None
    format: str | None
    traits: VolumeTraits = field(default_factory=VolumeTraits)

    @property
    def place(self) -> tuple[UUID, str]:
        """Return where it lies, whatever its datastore is called now."""
        return self.pool.id, path_on_pool(self.path)

    @property
    def folder(self) -> str:
        """Return the name of the folder that it lies in; empty at the datastore's root."""
        return path_on_pool(self.path).rpartition("/")[0].rpartition("/")[2]


def attached(
    vms: Iterable[facts.VirtualMachine], rows: Mapping[str, VirtualMachine], pools: Mapping[str, StoragePool]
) -> Iterable[Shown]:
    """Return the disks that VMs have; `rows` and `pools` are by managed object reference.

    Raw devices, which lie on no datastore, are none of them.
    """
    for vm in vms:
        for disk in vm.disks:
            pool = pools.get(disk.datastore_moref or "")
            if pool is not None:
                yield _of_vm(disk, pool, rows[vm.moref])


def lent(workers: Iterable[facts.VirtualMachine], pools: Mapping[str, StoragePool]) -> Iterable[Shown]:
    """Return the disks that worker VMs hold: detached ones, which are only lent to them."""
    for worker in workers:
        for disk in worker.disks:
            pool = pools.get(disk.datastore_moref or "")
            if pool is not None:
                yield _of_vm(disk, pool, None)


def detached(loose: Iterable[facts.LooseDisk], pools: Mapping[str, StoragePool]) -> Iterable[Shown]:
    """Return the disks that no VM has."""
    for disk in loose:
        pool = pools.get(disk.datastore_moref)
        if pool is not None:
            yield Shown(
                pool=pool,
                path=disk.path,
                vm=None,
                key=None,
                unit=None,
                uuid=disk.uuid,
                fcd_id=disk.fcd_id,
                capacity_bytes=disk.capacity_bytes or 0,
                physical_bytes=disk.physical_bytes,
                thin=disk.thin,
                format=disk.format,
            )


def _of_vm(disk: facts.Disk, pool: StoragePool, vm: VirtualMachine | None) -> Shown:
    return Shown(
        pool=pool,
        path=disk.path,
        vm=vm,
        key=disk.key if vm else None,
        unit=disk.unit_number if vm else None,
        uuid=disk.uuid,
        fcd_id=disk.fcd_id,
        capacity_bytes=disk.capacity_bytes,
        physical_bytes=disk.physical_bytes,
        thin=disk.thin if disk.format is None else disk.format is facts.DiskFormat.THIN,
        format=disk.format,
        traits=_traits(disk) if vm else VolumeTraits(backing_kind=disk.backing_kind, encrypted=disk.encrypted),
    )


def _traits(disk: facts.Disk) -> VolumeTraits:
    return VolumeTraits(
        backing_kind=disk.backing_kind,
        chain=disk.chain,
        mode=disk.mode,
        multi_writer=disk.multi_writer,
        shared_bus=disk.shared_bus,
        encrypted=disk.encrypted,
        controller=disk.controller,
        bus_number=disk.bus_number,
    )
