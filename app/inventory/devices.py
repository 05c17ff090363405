"""A disk's position among the disks of its VM, and which of them is ROOT. One rule, said in Python and in SQL.

CloudStack numbers a VM's volumes from 0 and calls the first one ROOT. Here the order is that of vSphere's device keys:
vCenter makes a disk's key out of its place (2000 + 16 for each SCSI bus + unit), so the first is the one at the first
controller's first unit, the one that a VM boots from unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased

from app.inventory.models import Volume

ROOT_DEVICE_ID = 0
"""The position of ROOT."""


def device_id(volume: Volume, disks: Iterable[Volume]) -> int | None:
    """Return a volume's position, from 0, among `disks`, all present ones of its VM; `None`: it is detached."""
    if volume.vm_id is None or volume.device_key is None:
        return None
    return sum(disk.device_key is not None and disk.device_key < volume.device_key for disk in disks)


def is_root(volume: Volume, disks: Iterable[Volume]) -> bool:
    """Say whether a volume is the first of `disks`, all present ones of its VM."""
    return device_id(volume, disks) == ROOT_DEVICE_ID


def device_id_column() -> ColumnElement[int]:
    """Return the same for each volume of a query: how many present disks of its VM stand before it."""
    before = aliased(Volume)
    return (
        select(func.count())
        .where(before.vm_id == Volume.vm_id, before.device_key < Volume.device_key, before.removed_at.is_(None))
        .correlate(Volume)
        .scalar_subquery()
    )
