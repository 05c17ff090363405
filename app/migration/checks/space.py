"""Whether it fits."""

from __future__ import annotations

from collections.abc import Iterator

from app.migration.checks.objection import Objection
from app.migration.situation import Situation


def space_suffices(situation: Situation) -> Iterator[Objection]:
    """Let nothing start that does not fit into the free space less what running jobs have reserved."""
    for pool_id, target in situation.targets.items():
        needed = sum(disk.needed_bytes for disk in situation.move.disks if disk.target.id == pool_id)
        left = target.free_bytes - target.reserved_bytes
        if needed > left:
            yield Objection(
                f"storage pool {target.name} has {gib(left)} left ({gib(target.free_bytes)} free, "
                f"{gib(target.reserved_bytes)} reserved by running jobs), and {gib(needed)} are needed",
                "free some space, or choose another pool",
            )


def gib(size_bytes: int) -> str:
    """Return a size for people; less than nothing is shown as nothing."""
    return f"{max(size_bytes, 0) / 2**30:.1f} GiB"
