"""Who moves the data: the best answer wins, the first of equals, and a refusal holds everybody's reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.hypervisors.commands import Command, MoveVirtualDisk
from app.hypervisors.move import Move
from app.hypervisors.vmware import Way
from app.migration.strategies import (
    STRATEGIES,
    NoStrategy,
    StorageMigration,
    StrategyPriority,
    VmwareMotion,
    choose,
    shared_clusters,
)
from app.vsphere.facts import DiskFormat
from tests.unit.moves import EAST, WEST, disk, machine, move_of_disks, move_of_vm, pool

pytestmark = pytest.mark.unit

DISKS = VmwareMotion(Way.MOVE_DISK)
WAYS = [
    (move_of_vm(), "vmware-storage-motion"),
    (move_of_disks(disk()), "vmware-move-disk"),
    (move_of_disks(disk(format=DiskFormat.THICK)), "vmware-move-disk"),
    (move_of_disks(disk(format=DiskFormat.THIN)), "vmware-worker-vm"),
    (move_of_disks(disk(format=DiskFormat.EAGER)), "vmware-worker-vm"),
    (move_of_disks(disk(format=DiskFormat.THICK, target_format=DiskFormat.THIN)), "vmware-worker-vm"),
    (move_of_disks(disk(format=DiskFormat.THIN, first_class_id="fcd-1")), "vmware-relocate-fcd"),
]
ORDER = MoveVirtualDisk(source_path="[old] a.vmdk", target_path="[new] a.vmdk", datacenter="datacenter-2")


@dataclass
class Fixed:
    """Answers the same to everything."""

    name: str
    priority: StrategyPriority
    able: bool = True

    def can_handle(self, move: Move) -> StrategyPriority:  # noqa: ARG002
        return self.priority

    def refusal(self, move: Move) -> str:  # noqa: ARG002
        return f"{self.name} does not want to"

    def copy_async(self, move: Move) -> Sequence[Command] | None:  # noqa: ARG002
        return [ORDER] if self.able else None

    def delete_source(self, move: Move) -> Sequence[Command]:  # noqa: ARG002
        return []


def test_priorities_are_ranked_as_cloudstack_ranks_them() -> None:
    ranked = sorted(StrategyPriority)
    assert [priority.name for priority in ranked] == ["CANT_HANDLE", "DEFAULT", "HYPERVISOR", "HIGHEST"]


@given(st.lists(st.tuples(st.sampled_from(StrategyPriority), st.booleans()), max_size=6))
def test_the_first_of_the_best_that_has_commands_wins(answers: list[tuple[StrategyPriority, bool]]) -> None:
    strategies = [Fixed(str(at), priority, able) for at, (priority, able) in enumerate(answers)]
    willing = [it for it in strategies if it.able and it.priority is not StrategyPriority.CANT_HANDLE]
    if not willing:
        with pytest.raises(NoStrategy):
            choose(move_of_disks(), strategies)
        return
    best = max(it.priority for it in willing)
    program = choose(move_of_disks(), strategies)
    assert program.strategy == next(it for it in willing if it.priority is best).name
    assert program.commands == (ORDER,)


def test_a_refusal_holds_the_reason_of_each() -> None:
    cannot = Fixed("cannot", StrategyPriority.CANT_HANDLE)
    gives_up = Fixed("gives-up", StrategyPriority.HIGHEST, able=False)
    with pytest.raises(NoStrategy) as refused:
        choose(move_of_disks(), [cannot, gives_up])
    assert "cannot: cannot does not want to" in str(refused.value)
    assert "gives-up: the hypervisor VMware cannot migrate by itself" in str(refused.value)


def test_vcenter_moves_what_lies_between_pools_of_one_cluster() -> None:
    for move, strategy in WAYS:
        assert choose(move).strategy == strategy


def test_what_vcenter_has_moved_needs_no_deletion() -> None:
    """The delete that follows `copy_async` finds nothing to do."""
    for move, strategy in WAYS:
        assert VmwareMotion(Way(strategy)).delete_source(move) == ()


def test_a_vcenter_that_is_not_to_move_things_itself_leaves_them_to_storage_migration() -> None:
    for move, strategy in WAYS:
        with pytest.raises(NoStrategy) as refused:
            choose(replace(move, native=False))
        assert f"{strategy}: the hypervisor VMware cannot migrate by itself" in str(refused.value)
        assert str(refused.value).count("vmware-") == 1, "only the way that it would be"


def test_a_hypervisor_that_nobody_knows_is_refused_with_every_reason() -> None:
    """Its guru is the default one, which answers None."""
    with pytest.raises(NoStrategy) as refused:
        choose(move_of_vm(hypervisor="XenServer"))
    assert "vmware-storage-motion: the hypervisor XenServer cannot migrate by itself" in str(refused.value)
    assert "storage-migration: no secondary storage is configured" in str(refused.value)


def test_foreign_storage_is_none_of_vcenters_business() -> None:
    move = move_of_disks(disk(target=pool("ceph", hypervisor="KVM")))
    assert DISKS.can_handle(move) is StrategyPriority.CANT_HANDLE
    assert DISKS.refusal(move) == "ceph is no VMware storage"


def test_pools_without_a_common_cluster_are_none_of_vcenters_business() -> None:
    move = move_of_disks(disk(target=pool("far", WEST)))
    assert DISKS.can_handle(move) is StrategyPriority.CANT_HANDLE
    assert DISKS.refusal(move) == "no cluster mounts both ends"


def test_storage_migration_needs_a_secondary_storage() -> None:
    assert StorageMigration().can_handle(move_of_disks()) is StrategyPriority.CANT_HANDLE
    assert StorageMigration().refusal(move_of_disks()) == "no secondary storage is configured"
    assert StorageMigration().can_handle(replace(move_of_disks(), secondary=True)) is StrategyPriority.DEFAULT


def test_the_hypervisors_own_way_comes_before_the_one_through_secondary_storage() -> None:
    *ways, last = [strategy.name for strategy in STRATEGIES]
    assert ways == [way.value for way in Way]
    assert last == "storage-migration"


def test_the_clusters_of_a_move_mount_all_of_its_pools() -> None:
    wide = pool("wide", EAST, WEST)
    both = disk(source=pool("old-wide", EAST, WEST), target=wide)
    assert shared_clusters(move_of_disks(both)) == {EAST, WEST}
    assert shared_clusters(move_of_disks(both, disk("other", target=wide))) == {EAST}
    assert shared_clusters(move_of_vm(disk(target=wide, key=2000), vm=machine(cluster=WEST), home_target=None)) == set()
