"""Who moves the data: strategies answer a priority, and the best one wins.

After CloudStack's `DataMotionStrategy` and `StrategyPriority` (apache/cloudstack#2848): CANT_HANDLE < DEFAULT <
HYPERVISOR < HIGHEST; the first of equals wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

from app.errors import VrelocateError
from app.hypervisors.commands import MoveVirtualDisk, RelocateVm
from app.hypervisors.move import Move
from app.hypervisors.registry import VMWARE, guru_of


class StrategyPriority(IntEnum):
    """How well a strategy can move something."""

    CANT_HANDLE = 0
    DEFAULT = 1
    """Through secondary storage."""
    HYPERVISOR = 2
    """The hypervisor itself."""
    HIGHEST = 3


class NoStrategy(VrelocateError):
    """Nothing here can move this; the text holds every strategy's reason."""


class DataMotionStrategy(Protocol):
    """A way to move data."""

    name: str

    def can_handle(self, move: Move) -> StrategyPriority:
        """Say how well this strategy can carry out `move`."""
        ...

    def refusal(self, move: Move) -> str:
        """Say why it cannot, for the operator."""
        ...

    def commands(self, move: Move) -> Sequence[RelocateVm | MoveVirtualDisk] | None:
        """Return what is to be asked of the hypervisor, or `None`: it can't after all."""
        ...


class VmwareStorageMotion:
    """vCenter's own relocation, between VMware pools that one cluster mounts."""

    name = "vmware-storage-motion"

    def can_handle(self, move: Move) -> StrategyPriority:
        """Answer HYPERVISOR where both ends are VMware's and in one cluster."""
        return StrategyPriority.CANT_HANDLE if self.refusal(move) else StrategyPriority.HYPERVISOR

    def refusal(self, move: Move) -> str:
        """Say which end is not VMware's, or that no cluster mounts both."""
        ends = [*move.targets.values(), *move.sources.values()]
        foreign = sorted(pool.name for pool in ends if pool.hypervisor != VMWARE)
        if foreign:
            return f"{', '.join(foreign)} is no VMware storage"
        if not shared_clusters(move):
            return "no cluster mounts both ends"
        return ""

    def commands(self, move: Move) -> Sequence[RelocateVm | MoveVirtualDisk] | None:
        """Return what the hypervisor's guru answers."""
        return guru_of(move.hypervisor).finalize_migration(move)


class StorageMigration:
    """Through secondary storage: primary → secondary → primary. It needs one, and none can be named yet."""

    name = "storage-migration"

    def can_handle(self, move: Move) -> StrategyPriority:  # noqa: ARG002  # a strategy's form
        """Answer CANT_HANDLE for as long as no secondary storage exists."""
        return StrategyPriority.CANT_HANDLE

    def refusal(self, move: Move) -> str:  # noqa: ARG002  # a strategy's form
        """Say what is missing."""
        return "no secondary storage is configured"

    def commands(self, move: Move) -> Sequence[RelocateVm | MoveVirtualDisk] | None:  # noqa: ARG002
        """Return nothing: it asks nothing of a hypervisor."""
        return None


STRATEGIES: tuple[DataMotionStrategy, ...] = (VmwareStorageMotion(), StorageMigration())


def shared_clusters(move: Move) -> frozenset[object]:
    """Return the clusters that mount every pool of the move, and hold the VM where there is one."""
    pools = [*move.targets.values(), *move.sources.values()]
    shared = frozenset.intersection(*(pool.cluster_ids for pool in pools))
    if move.machine is not None:
        return shared & {move.machine.cluster_id}
    return shared


def choose(
    move: Move, strategies: Sequence[DataMotionStrategy] = STRATEGIES
) -> tuple[DataMotionStrategy, Sequence[RelocateVm | MoveVirtualDisk]]:
    """Return the strategy of the best priority that has commands for `move`, and those commands.

    Raises `NoStrategy` with everybody's reason when none has.
    """
    reasons: list[str] = []
    ranked = sorted(strategies, key=lambda strategy: strategy.can_handle(move), reverse=True)
    for strategy in ranked:
        if strategy.can_handle(move) is StrategyPriority.CANT_HANDLE:
            reasons.append(f"{strategy.name}: {strategy.refusal(move)}")
            continue
        commands = strategy.commands(move)
        if commands is not None:
            return strategy, commands
        reasons.append(f"{strategy.name}: the hypervisor {move.hypervisor} cannot migrate by itself")
    raise NoStrategy(f"nothing here can carry out this migration ({'; '.join(reasons)})")
