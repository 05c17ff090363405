"""What has changed since the request was accepted, or since the last sync: noticed and said, never guessed.

What a VM or a disk is now (started, renamed, relocated, registered anew) is read before a job is judged, and the other
rules judge that. Here is what would make it another migration than the one that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.migration.checks.objection import Objection
from app.migration.situation import Situation


def disk_is_detached(situation: Situation) -> Iterator[Objection]:
    """Move no detached disk that a VM has got meanwhile: a VM that is off locks nothing, and would not find it again.

    vCenter is asked which VMs have files on the datastore, and which disks; the last sync is not believed.
    Source: vSphere Web Services API, Datastore.vm, VirtualMachine.layoutEx; MoveVirtualDisk_Task knows of a file's lock
    (FileLocked) and of no VM.
    """
    if situation.move.machine is None and situation.surroundings.holders:
        holders = ", ".join(situation.surroundings.holders)
        for disk in situation.move.disks:
            yield Objection(
                f"volume {disk.name} is attached to VM {holders} by now",
                "sync the vCenter and migrate it as that VM's volume, or detach it",
            )


def still_what_was_asked_for(situation: Situation) -> Iterator[Objection]:
    """Move no volume that was attached, detached or given to another VM since the job was accepted.

    The job keeps other jobs from what it was accepted for, not from what it would work on now; and who asked for a
    detached disk to be moved has not asked for a VM's. Source: DESIGN.md, laws 4 and 7.
    """
    move, asked = situation.move, situation.accepted_as
    if asked is None or move.is_empty:
        return
    now = f"vm:{move.machine.id}" if move.machine else f"volume:{move.disks[0].volume_id}"
    if now == asked:
        return
    if move.machine is None:
        before, after = "attached to a VM", "attached to nothing"
    else:
        before = "attached to nothing" if asked.startswith("volume:") else "attached to another VM"
        after = f"attached to VM {move.machine.name}"
    names = ", ".join(disk.name for disk in move.disks)
    yield Objection(
        f"volume {names} was {before} when this was asked for, and is {after} now", "ask again, if that is meant"
    )
