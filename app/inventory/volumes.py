"""Which row is which disk: volumes keep their ids through moves, detaching, attaching and re-syncs.

A disk that vCenter shows is recognised, in this order, by
1. its id as a First Class Disk, wherever it lies and whoever has it;
2. its VM and device key, unless the disk's own uuid says that another disk sits there now;
3. its own uuid (`ddb.uuid`), wherever it lies;
4. its path on its pool (the part behind `[name]`, which a renamed datastore does not change), unless the uuid says that
   another disk lies there now.
Each row serves one disk. A detached volume that a migration is moving is left to that migration, whatever it is in now:
its own file, a worker VM, a half-written copy. The unfinished copies of a VM's moving disks, which look like detached
disks, are no volumes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.inventory.models import StoragePool, VirtualMachine, Volume
from app.inventory.shown import Shown, attached, detached, lent, path_on_pool, volume_name
from app.inventory.traits import VolumeTraits
from app.vsphere import facts
from app.vsphere.paths import datastore_of

_UNSPOKEN = "no row"


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was looked at, and what was seen there."""

    vms: Sequence[facts.VirtualMachine]
    loose: Sequence[facts.LooseDisk] = ()
    unclear: Sequence[facts.LooseDisk] = ()
    """Disks that may be a VM's or nobody's: what is known of them stays."""
    workers: Sequence[facts.VirtualMachine] = ()
    """Worker VMs: their disks are detached volumes that were lent to them."""
    searched: frozenset[str] = frozenset()
    """Datastores whose files were listed, by reference."""
    searched_for_fcds: frozenset[str] = frozenset()
    """Datastores whose First Class Disks were listed."""
    whole: bool = False
    """VMs that are not among `vms` are gone."""


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
        self._by_fcd = {row.fcd_id: row for row in rows if row.fcd_id}
        self._by_device = {(row.vm_id, row.device_key): row for row in rows if row.vm_id is not None}
        self._by_uuid = {row.disk_uuid: row for row in rows if row.disk_uuid}
        self._by_place = {(row.pool_id, path_on_pool(row.path)): row for row in rows}
        self._taken: set[UUID] = set()
        # A datastore's name is unique within its datacenter.
        self._by_name = {(pool.zone_id, pool.name): pool.id for pool in pools.values()}
        moving = [row for row in rows if row.moving_to is not None]
        self._copied_uuids = {row.disk_uuid for row in moving if row.disk_uuid}
        self._copied_names = {(self._target_of(row), volume_name(row.path)) for row in moving if row.vm_id is not None}
        self._carried_to = {self._target_of(row) for row in moving if row.vm_id is None}
        self._moving_jobs = {str(row.moved_by) for row in moving if row.vm_id is None}
        self._moving_fcds = {row.fcd_id for row in moving if row.vm_id is None and row.fcd_id}
        # A pass lists files at one time and VMs at another. What a migration has brought elsewhere meanwhile is seen in
        # two places or in none; its row is newer than this pass, and says where it is.
        self._present = {(row.pool_id, path_on_pool(row.path)) for row in rows if row.removed_at is None}
        self._moved_names = {volume_name(row.path) for row in rows if row.observed_at > began}

    def write(self, looked: Looked) -> int:
        """Write every disk shown; returns how many there were."""
        looked_at = {self._vms[vm.moref].id for vm in looked.vms if vm.config_known}
        present = {row.id for row in self._vms.values()}
        idle = [worker for worker in looked.workers if worker.worker_of_job not in self._moving_jobs]
        shown = [
            *attached(looked.vms, self._vms, self._pools),
            *lent(idle, self._pools),
            *detached(looked.loose, self._pools),
        ]
        moving = self._left_to_migrations()
        matched = self._match(
            disk
            for disk in shown
            if disk.place not in moving
            and not (disk.fcd_id and disk.fcd_id in self._moving_fcds)
            and not self._has_moved_meanwhile(disk)
            # A file whose row was removed long ago may be written anew: it would bring that row back.
            and (disk.place in self._present or not self._is_unfinished_copy(disk))
        )
        searched = {self._pools[moref].id for moref in looked.searched if moref in self._pools}
        for_fcds = {self._pools[moref].id for moref in looked.searched_for_fcds if moref in self._pools}
        unclear = {disk.place for disk in detached(looked.unclear, self._pools)}
        gone = [
            row
            for row in self._rows
            if row.id not in self._taken
            and row.removed_at is None
            and row.moving_to is None
            and row.observed_at <= self._began
            # A disk is gone only if the place where it was has been looked at.
            and (
                row.pool_id in (for_fcds if row.fcd_id else searched)
                and (row.pool_id, path_on_pool(row.path)) not in unclear
                if row.vm_id is None
                else row.vm_id in looked_at or (looked.whole and row.vm_id not in present)
            )
        ]
        # The unique indexes look at present rows: those that are gone, or go elsewhere, make room for the others first.
        for row in [*gone, *(row for disk, row in matched if self._goes_elsewhere(row, disk))]:
            row.removed_at = func.now()
        self._session.flush()
        for disk, row in matched:
            self._fill(row, disk, fcds_known=disk.vm is None and disk.pool.id in for_fcds)
            self._session.add(row)
        return len(matched)

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
        return self._by_name.get((row.zone_id, datastore_of(row.moving_to or "") or ""))

    def _is_unfinished_copy(self, disk: Shown) -> bool:
        """Say whether a file is what a running relocation is writing, of a VM's disk or in a worker VM's folder."""
        return disk.vm is None and (
            disk.uuid in self._copied_uuids
            or (disk.pool.id, volume_name(disk.path)) in self._copied_names
            or (disk.pool.id in self._carried_to and disk.folder.startswith(facts.WORKER_NAME))
        )

    def _has_moved_meanwhile(self, disk: Shown) -> bool:
        """Say whether a file may be one end of a migration that took place while this pass was reading.

        If it is another disk of the same name, the next pass writes it down.
        """
        return disk.vm is None and disk.place not in self._present and volume_name(disk.path) in self._moved_names

    def _is_seen_twice(self, disk: Shown) -> bool:
        """Say whether a file is where a disk was, which this very pass has seen elsewhere, at a later time.

        If it is another disk, the next pass writes it down: then no row is in its place any more.
        """
        row = self._by_place.get(disk.place)
        return disk.vm is None and row is not None and row.removed_at is None and not _differ(disk.uuid, row.disk_uuid)

    def _match(self, shown: Iterable[Shown]) -> list[tuple[Shown, Volume]]:
        """Find the row of each disk: certain matches first, so that no guess takes a row that is surely another's."""
        matched: list[tuple[Shown, Volume]] = []
        rest: list[Shown] = []
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
            if row is None and (self._is_unfinished_copy(disk) or self._is_seen_twice(disk)):
                continue
            if row is None:
                row = Volume(id=uuid4(), vcenter_id=self._vcenter_id, observed_at=self._began)
                self._taken.add(row.id)
            matched.append((disk, row))
        return matched

    def _certain(self, disk: Shown) -> Volume | None:
        """Take the row that is the same First Class Disk; or sits on its device, or at its path if no VM has it."""
        known = self._free(self._by_fcd.get(disk.fcd_id or _UNSPOKEN))
        if known is not None:
            return known
        if disk.vm:
            return self._in_place(disk, self._by_device.get((disk.vm.id, disk.key)))
        return self._in_place(disk, self._by_place.get(disk.place))

    def _in_place(self, disk: Shown, row: Volume | None) -> Volume | None:
        """Take the row that sits in the disk's place, unless it says that it is another disk."""
        if row is None or _differ(disk.uuid, row.disk_uuid) or _differ(disk.fcd_id, row.fcd_id):
            return None
        return self._free(row)

    def _free(self, row: Volume | None) -> Volume | None:
        """Take a row unless it serves another disk already."""
        if row is None or row.id in self._taken:
            return None
        self._taken.add(row.id)
        return row

    def _goes_elsewhere(self, row: Volume, disk: Shown) -> bool:
        """Say whether the row is about to get another device or another path."""
        before = row.vm_id, row.device_key, row.pool_id, row.path
        after = disk.vm.id if disk.vm else None, disk.key, disk.pool.id, disk.path
        return row.removed_at is None and row.observed_at <= self._began and before != after

    def _fill(self, row: Volume, disk: Shown, *, fcds_known: bool) -> None:
        row.removed_at = None
        if row.observed_at > self._began:
            return
        row.observed_at = self._began
        row.zone_id, row.pool_id = disk.pool.zone_id, disk.pool.id
        row.vm_id, row.device_key = (disk.vm.id, disk.key) if disk.vm else (None, None)
        row.unit_number = disk.unit
        row.disk_uuid = disk.uuid or row.disk_uuid
        row.fcd_id = disk.fcd_id or (None if fcds_known else row.fcd_id)
        row.path, row.name = disk.path, volume_name(disk.path)
        row.capacity_bytes, row.physical_bytes = disk.capacity_bytes, disk.physical_bytes
        write_format(row, thin=disk.thin, disk_format=disk.format)
        row.traits = disk.traits if disk.vm else detached_traits(disk.traits, row.traits)


def write_format(row: Volume, *, thin: bool | None, disk_format: str | None) -> None:
    """Write how a disk takes its space. What is only known to be not thin stays lazily or eagerly zeroed as it was."""
    row.thin = disk_format == facts.DiskFormat.THIN if thin is None and disk_format is not None else thin
    if disk_format is not None or thin or row.format == facts.DiskFormat.THIN:
        row.format = disk_format


def detached_traits(shown: VolumeTraits, before: VolumeTraits | None) -> VolumeTraits:
    """Return the traits of a disk that no VM has: files do not tell what they are, so what a VM told of it stays."""
    if shown.backing_kind or before is None:
        return shown
    return VolumeTraits(backing_kind=before.backing_kind, encrypted=before.encrypted)


def _differ(one: str | None, other: str | None) -> bool:
    """Say whether both are known, and are not the same."""
    return bool(one and other and one != other)
