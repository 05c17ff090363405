"""Who moves the data: strategies answer a priority, and the best one wins.

After CloudStack's `DataMotionStrategy` and `StrategyPriority` (apache/cloudstack#2848): CANT_HANDLE < DEFAULT <
HYPERVISOR < HIGHEST; the first of equals wins. As there, `copy_async` of the hypervisor's strategies really migrates,
so the delete that follows finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.errors import VrelocateError
from app.hypervisors.commands import Command
from app.hypervisors.move import Move
from app.hypervisors.registry import guru_of
from app.hypervisors.vmware import Way, way_of
from app.inventory.models import VMWARE
from app.migration.priorities import StrategyPriority
from app.migration.programs import Program
from app.migration.storage_migration import StorageMigration


class NoStrategy(VrelocateError):
    """Nothing here can move this; the text holds every strategy's reason."""


class DataMotionStrategy(Protocol):
    """A way to move data."""

    name: str

    def can_handle(self, move: Move) -> StrategyPriority:
        """Say how well this strategy can carry out `move`."""
        ...

    def refusal(self, move: Move) -> str:
        """Say why it cannot, for the operator; nothing where it is not meant for such moves at all."""
        ...

    def copy_async(self, move: Move) -> Sequence[Command] | None:
        """Return the commands that bring everything to its target, or `None`: it can't after all."""
        ...

    def delete_source(self, move: Move) -> Sequence[Command]:
        """Return the commands that remove what `copy_async` has left at the source."""
        ...


class VmwareMotion:
    """One of vCenter's own ways, between VMware pools that one cluster mounts."""

    def __init__(self, way: Way) -> None:
        """Take the way; a job shows its name."""
        self.name = way.value
        self._way = way

    def can_handle(self, move: Move) -> StrategyPriority:
        """Answer HYPERVISOR where this is the way, and both ends are VMware's and in one cluster."""
        if way_of(move) is not self._way or self.refusal(move):
            return StrategyPriority.CANT_HANDLE
        return StrategyPriority.HYPERVISOR

    def refusal(self, move: Move) -> str:
        """Say which end is not VMware's, or that no cluster mounts both; nothing of what goes another of these ways."""
        if way_of(move) is not self._way:
            return ""
        ends = [*move.targets.values(), *move.sources.values()]
        foreign = sorted(pool.name for pool in ends if pool.hypervisor != VMWARE)
        if foreign:
            return f"{', '.join(foreign)} is no VMware storage"
        if not shared_clusters(move):
            return "no cluster mounts both ends"
        return ""

    def copy_async(self, move: Move) -> Sequence[Command] | None:
        """Return what the hypervisor's guru answers."""
        return guru_of(move.hypervisor).finalize_migration(move)

    def delete_source(self, move: Move) -> Sequence[Command]:  # noqa: ARG002  # a strategy's form
        """Return nothing: what vCenter has moved is not at its source any more."""
        return ()


STRATEGIES: tuple[DataMotionStrategy, ...] = (*(VmwareMotion(way) for way in Way), StorageMigration())


def shared_clusters(move: Move) -> frozenset[object]:
    """Return the clusters that mount every pool of the move, and hold the VM where there is one."""
    pools = [*move.targets.values(), *move.sources.values()]
    shared = frozenset.intersection(*(pool.cluster_ids for pool in pools))
    if move.machine is not None:
        return shared & {move.machine.cluster_id}
    return shared


def choose(move: Move, strategies: Sequence[DataMotionStrategy] = STRATEGIES) -> Program:
    """Return the program of the strategy of the best priority that has commands for `move`.

    Raises `NoStrategy` with everybody's reason when none has.
    """
    reasons: list[str] = []
    ranked = sorted(strategies, key=lambda strategy: strategy.can_handle(move), reverse=True)
    for strategy in ranked:
        if strategy.can_handle(move) is StrategyPriority.CANT_HANDLE:
            if refusal := strategy.refusal(move):
                reasons.append(f"{strategy.name}: {refusal}")
            continue
        commands = strategy.copy_async(move)
        if commands is not None:
            return Program(strategy=strategy.name, commands=(*commands, *strategy.delete_source(move)))
        reasons.append(f"{strategy.name}: the hypervisor {move.hypervisor} cannot migrate by itself")
    raise NoStrategy(f"nothing here can carry out this migration ({'; '.join(reasons)})")
