"""Which row is which disk: volumes keep their ids through moves, detaching, attaching and re-syncs.

A disk that vCenter shows is recognised, in this order, by
1. its VM and device key, unless the disk's own uuid says that another disk sits there now;
2. its own uuid (`ddb.uuid`), wherever it lies;
3. its path on its pool (the part behind `[name]`, which a renamed datastore does not change), unless the uuid says that
   another disk lies there now.
Each row serves one disk. A detached volume that a migration is moving is left to that migration, and the unfinished
copies of a VM's moving disks, which look like detached disks, are no volumes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.inventory.models import StoragePool, VirtualMachine, Volume
from app.vsphere import facts
from app.vsphere.paths import datastore_of

_UNSPOKEN = "no row"


def path_on_pool(path: str) -> str:
    """Return the part of a datastore path behind `[name]`."""
    return path.partition("] ")[2] or path


def volume_name(path: str) -> str:
    """Return what people call a disk: its file's name without the ending."""
    return path_on_pool(path).rpartition("/")[2].removesuffix(".vmdk")


@dataclass(frozen=True)
class _Shown:
    """A disk as vCenter shows it now, attached or not."""

    pool: StoragePool
    path: str
    vm: VirtualMachine | None
    key: int | None
    unit: int | None
    uuid: str | None
    capacity_bytes: int
    physical_bytes: int | None
    thin: bool | None

    @property
    def place(self) -> tuple[UUID, str]:
        return self.pool.id, path_on_pool(self.path)


class VolumeSync:
    """One pass over the volumes of a vCenter."""

    def __init__(
        self,
        session: Session,
        vcenter_id: UUID,
        *,
        pools: Mapping[str, StoragePool],
        vms: Mapping[str, VirtualMachine],
        began: datetime,
        rows: list[Volume],
    ) -> None:
        """Take what the rest of the pass matched, by managed object reference, and the volumes that may be meant."""
        self._session = session
        self._vcenter_id = vcenter_id
        self._pools = pools
        self._vms = vms
        self._began = began
        # Rows that are present win over removed ones that would match as well.
        rows.sort(key=lambda row: row.removed_at is None)
        self._rows = rows
        self._by_device = {(row.vm_id, row.device_key): row for row in rows if row.vm_id is not None}
        self._by_uuid = {row.disk_uuid: row for row in rows if row.disk_uuid}
        self._by_place = {(row.pool_id, path_on_pool(row.path)): row for row in rows}
        self._taken: set[UUID] = set()
        self._by_name = {pool.name: pool.id for pool in pools.values()}
        moving = [row for row in rows if row.moving_to is not None and row.vm_id is not None]
        self._copied_uuids = {row.disk_uuid for row in moving if row.disk_uuid}
        self._copied_names = {(self._target_of(row), volume_name(row.path)) for row in moving}

    def write(
        self,
        vms: Iterable[facts.VirtualMachine],
        loose: Iterable[facts.LooseDisk],
        searched: frozenset[str] = frozenset(),
        *,
        whole: bool,
    ) -> int:
        """Write every disk shown; returns how many there were. `whole`: VMs that are not shown are gone."""
        vms = list(vms)
        looked_at = {self._vms[vm.moref].id for vm in vms if vm.config_known}
        present = {row.id for row in self._vms.values()}
        shown = [*self._attached(vms), *self._detached(loose)]
        moving = self._left_to_migrations()
        matched = self._match(disk for disk in shown if disk.place not in moving)
        searched_pools = {self._pools[moref].id for moref in searched if moref in self._pools}
        gone = [
            row
            for row in self._rows
            if row.id not in self._taken
            and row.removed_at is None
            and row.moving_to is None
            and row.observed_at <= self._began
            # A disk is gone only if the place where it was has been looked at.
            and (
                row.pool_id in searched_pools
                if row.vm_id is None
                else row.vm_id in looked_at or (whole and row.vm_id not in present)
            )
        ]
        # The unique indexes look at present rows: those that are gone, or go elsewhere, make room for the others first.
        for row in [*gone, *(row for disk, row in matched if self._goes_elsewhere(row, disk))]:
            row.removed_at = func.now()
        self._session.flush()
        for disk, row in matched:
            self._fill(row, disk)
            self._session.add(row)
        return len(matched)

    def _attached(self, vms: Iterable[facts.VirtualMachine]) -> Iterable[_Shown]:
        for vm in vms:
            for disk in vm.disks:
                pool = self._pools.get(disk.datastore_moref or "")
                if pool is not None:
                    yield _Shown(
                        pool=pool,
                        path=disk.path,
                        vm=self._vms[vm.moref],
                        key=disk.key,
                        unit=disk.unit_number,
                        uuid=disk.uuid,
                        capacity_bytes=disk.capacity_bytes,
                        physical_bytes=disk.physical_bytes,
                        thin=disk.thin,
                    )

    def _detached(self, loose: Iterable[facts.LooseDisk]) -> Iterable[_Shown]:
        for disk in loose:
            pool = self._pools.get(disk.datastore_moref)
            if pool is not None:
                yield _Shown(
                    pool=pool,
                    path=disk.path,
                    vm=None,
                    key=None,
                    unit=None,
                    uuid=disk.uuid,
                    capacity_bytes=disk.capacity_bytes or 0,
                    physical_bytes=disk.physical_bytes,
                    thin=disk.thin,
                )

    def _left_to_migrations(self) -> set[tuple[UUID, str]]:
        """Return both ends of every detached disk that is being moved: what lies there is half a truth."""
        places: set[tuple[UUID, str]] = set()
        for row in self._rows:
            if row.moving_to is not None and row.vm_id is None:
                self._taken.add(row.id)
                places.add((row.pool_id, path_on_pool(row.path)))
                target = self._target_of(row)
                if target is not None:
                    places.add((target, path_on_pool(row.moving_to)))
        return places

    def _target_of(self, row: Volume) -> UUID | None:
        """Return the pool that a migration takes a volume to."""
        return self._by_name.get(datastore_of(row.moving_to or "") or "")

    def _is_unfinished_copy(self, disk: _Shown) -> bool:
        """Say whether a file is what a running relocation is writing for a VM's disk."""
        return disk.vm is None and (
            disk.uuid in self._copied_uuids or (disk.pool.id, volume_name(disk.path)) in self._copied_names
        )

    def _match(self, shown: Iterable[_Shown]) -> list[tuple[_Shown, Volume]]:
        """Find the row of each disk: certain matches first, so that no guess takes a row that is surely another's."""
        matched: list[tuple[_Shown, Volume]] = []
        rest: list[_Shown] = []
        for disk in shown:
            row = self._certain(disk)
            if row is None:
                rest.append(disk)
            else:
                matched.append((disk, row))
        for disk in rest:
            row = self._free(self._by_uuid.get(disk.uuid or _UNSPOKEN)) or self._in_place(
                disk, self._by_place.get(disk.place)
            )
            if row is None and self._is_unfinished_copy(disk):
                continue
            if row is None:
                row = Volume(id=uuid4(), vcenter_id=self._vcenter_id, observed_at=self._began)
                self._taken.add(row.id)
            matched.append((disk, row))
        return matched

    def _certain(self, disk: _Shown) -> Volume | None:
        """Take the row that sits where the disk is shown: on its device, or at its path if no VM has it."""
        if disk.vm:
            return self._in_place(disk, self._by_device.get((disk.vm.id, disk.key)))
        return self._in_place(disk, self._by_place.get(disk.place))

    def _in_place(self, disk: _Shown, row: Volume | None) -> Volume | None:
        """Take the row that sits in the disk's place, unless it says that it is another disk."""
        if row is None or (disk.uuid and row.disk_uuid and disk.uuid != row.disk_uuid):
            return None
        return self._free(row)

    def _free(self, row: Volume | None) -> Volume | None:
        """Take a row unless it serves another disk already."""
        if row is None or row.id in self._taken:
            return None
        self._taken.add(row.id)
        return row

    def _goes_elsewhere(self, row: Volume, disk: _Shown) -> bool:
        """Say whether the row is about to get another device or another path."""
        before = row.vm_id, row.device_key, row.pool_id, row.path
        after = disk.vm.id if disk.vm else None, disk.key, disk.pool.id, disk.path
        return row.removed_at is None and row.observed_at <= self._began and before != after

    def _fill(self, row: Volume, disk: _Shown) -> None:
        row.removed_at = None
        if row.observed_at > self._began:
            return
        row.observed_at = self._began
        row.zone_id, row.pool_id = disk.pool.zone_id, disk.pool.id
        row.vm_id, row.device_key = (disk.vm.id, disk.key) if disk.vm else (None, None)
        row.unit_number = disk.unit
        row.disk_uuid = disk.uuid or row.disk_uuid
        row.path, row.name = disk.path, volume_name(disk.path)
        row.capacity_bytes, row.thin = disk.capacity_bytes, disk.thin
        row.physical_bytes = disk.physical_bytes
