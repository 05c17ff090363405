"""Disk images of file pools, whose VMs only their hosts know."""

from __future__ import annotations

from collections.abc import Iterator

from app.migration.checks.objection import Objection
from app.migration.situation import Situation


def image_is_not_open(situation: Situation) -> Iterator[Objection]:
    """Refuse an image that a QEMU has open: it would be copied while it is written to.

    Source: the manual of QEMU (image locking) and its block/file-posix.c: QEMU holds locks on bytes of an open image.
    """
    for disk in situation.move.disks:
        if opened_by := situation.volumes[disk.volume_id].opened_by:
            yield Objection(f"{opened_by} has {disk.path} open", "stop the VM that it belongs to, or detach it")


def image_stands_alone(situation: Situation) -> Iterator[Objection]:
    """Refuse an overlay: its backing file is named by a path, which would lead elsewhere from the target.

    Source: the specification of qcow2, which comes with QEMU: backing_file_offset.
    """
    for disk in situation.move.disks:
        if stands_on := situation.volumes[disk.volume_id].stands_on:
            yield Objection(
                f"{disk.path} stands on {stands_on} (backing file), which would not go along",
                "make it whole in itself (qemu-img rebase -b '')",
            )
