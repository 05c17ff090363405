"""Whether it fits, and what is left then."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from app.migration.checks.objection import Objection, warning
from app.migration.situation import Situation, Target

USED_PERCENT = 85
"""vCenter's alarm "Datastore usage on disk" turns red there."""


def space_suffices(situation: Situation) -> Iterator[Objection]:
    """Let nothing start that does not fit into the free space less what running jobs have reserved.

    Counted is what will be there: of a thin disk what it holds, of a thick one its capacity, all links of a chain, and
    with the VM's home its other files, memory of snapshots among them (`app/inventory/space.py`). What the same job
    takes away from a pool makes no room on it: all is copied before anything is deleted. No margin is kept back: the
    figures are never too low, running jobs' needs are reserved, and a full datastore ends in NoDiskSpace, which leaves
    everything where it was. Source: vSphere Web Services API, DatastoreSummary.freeSpace, VirtualMachineFileLayoutEx.
    """
    for pool_id, target in situation.targets.items():
        needed, left = situation.move.needed_on(pool_id), target.free_bytes - target.reserved_bytes
        if needed > left:
            yield Objection(
                f"storage pool {target.name} has {_gib(left)} left ({_gib(target.free_bytes)} free, "
                f"{_gib(target.reserved_bytes)} reserved by running jobs), and {_gib(needed)} are needed",
                "free some space, or choose another pool",
            )


def little_is_left(situation: Situation) -> Iterator[Objection]:
    """Say when the target is so full afterwards that vCenter's alarm goes off, and thin disks have little to grow into.

    Source: vSphere, default alarm "Datastore usage on disk" (red above 85 %).
    """
    for pool_id, target in situation.targets.items():
        after = _left_after(situation, pool_id, target)
        if 0 <= after < target.capacity_bytes * (100 - USED_PERCENT) / 100 and situation.move.needed_on(pool_id):
            yield warning(
                f"storage pool {target.name} will have {_gib(after)} of {_gib(target.capacity_bytes)} left",
                "free some space, or choose another pool",
            )


def swap_file_has_room(situation: Situation) -> Iterator[Objection]:
    """Say when a VM whose home moves would not find room for its swap file when it is started.

    A stopped VM has none; a started one makes one beside its configuration, as large as its memory less what is
    reserved of that. Source: vSphere Resource Management, "Using Swap Files".
    """
    move = situation.move
    if move.machine is None or move.home_target is None or not move.home_moves:
        return
    target = situation.targets.get(move.home_target.id)
    if target is None:
        return
    after = _left_after(situation, move.home_target.id, target)
    if 0 <= after < situation.memory_bytes:
        yield warning(
            f"storage pool {target.name} will have {_gib(after)} left, and VM {move.machine.name} makes a swap file of "
            f"up to {_gib(situation.memory_bytes)} when it is started",
            "free some space before that",
        )


def _left_after(situation: Situation, pool_id: UUID, target: Target) -> int:
    return target.free_bytes - target.reserved_bytes - situation.move.needed_on(pool_id)


def _gib(size_bytes: int) -> str:
    return f"{max(size_bytes, 0) / 2**30:.1f} GiB"
