"""Names that collide."""

from __future__ import annotations

from collections.abc import Iterator

from app.migration.checks.objection import Objection
from app.migration.situation import Situation


def name_is_free(situation: Situation) -> Iterator[Objection]:
    """Never overwrite: nothing may have a detached disk's place on the target (`force` is never used).

    A folder of a VM's name is in nobody's way: vCenter gives the VM `name_1` there. A First Class Disk gets a name
    that vCenter chooses (RelocateVStorageObject_Task). A plain VMDK goes to the path that it is told to.
    Source: vSphere Web Services API, MoveVirtualDisk_Task: FileAlreadyExists, and what `force` does to it.
    """
    for disk in situation.move.disks:
        if situation.volumes[disk.volume_id].target_is_taken:
            yield Objection(
                f"a file of the name of {disk.path} is on {disk.target.name} already", "rename or remove that one"
            )
