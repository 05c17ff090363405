"""Where it goes to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.migration.checks import reasons_against
from app.migration.situation import HostState
from app.migration.surroundings import Misfit, Surroundings
from tests.unit.moves import (
    EAST,
    NEW,
    WEST,
    disk,
    id_of,
    machine,
    move_of_disks,
    move_of_vm,
    pool,
    situation_of,
    with_target,
    with_volumes,
)

pytestmark = pytest.mark.unit

VM = situation_of(move_of_vm())
DETACHED = situation_of(move_of_disks())


def test_a_vm_whose_cluster_does_not_mount_the_target_is_refused() -> None:
    [reason] = reasons_against(situation_of(move_of_vm(disk(target=pool("far", WEST), key=2000), home_target=None)))
    assert reason.startswith("storage pool far is not mounted in the cluster of VM web-1")
    assert "cross-cluster" in reason


def test_a_vm_in_no_cluster_is_refused() -> None:
    [reason] = reasons_against(situation_of(move_of_vm(vm=machine(cluster=None))))
    assert "cross-cluster" in reason


def test_a_disk_whose_pools_share_no_cluster_is_refused() -> None:
    [reason] = reasons_against(situation_of(move_of_disks(disk(target=pool("far", WEST)))))
    assert "a cluster that also mounts the disk's pool" in reason


def test_one_shared_cluster_is_enough() -> None:
    wide = pool("wide", EAST, WEST)
    assert reasons_against(situation_of(move_of_disks(disk(target=wide)))) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"accessible": False}, "storage pool new is not accessible"),
        ({"maintenance_mode": "enteringMaintenance"}, "storage pool new is in maintenance (enteringMaintenance)"),
        ({"maintenance_mode": "inMaintenance"}, "storage pool new is in maintenance (inMaintenance)"),
        ({"writable_cluster_ids": frozenset()}, "not mounted read-write on any connected host of the cluster"),
        ({"writable_cluster_ids": frozenset({WEST})}, "not mounted read-write on any connected host of the cluster"),
    ],
)
def test_a_target_that_is_out_of_service_is_refused(change: dict[str, object], told: str) -> None:
    [reason] = reasons_against(with_target(VM, **change))
    assert told in reason


def test_a_target_that_only_another_cluster_can_write_to_is_refused_once() -> None:
    """The cluster is the reason; that nobody there can write is no second one."""
    situation = situation_of(move_of_disks(disk(target=pool("far", WEST))))
    assert len(reasons_against(with_target(situation, writable_cluster_ids=frozenset({WEST})))) == 1


def test_missing_tags_are_named() -> None:
    situation = with_volumes(DETACHED, offering="fast", required_tags=frozenset({"ssd", "gold"}))
    [reason] = reasons_against(with_target(situation, tags=frozenset({"gold", "rack-1"})))
    assert "volume data has disk offering fast, whose storage tags ssd are not on storage pool new" in reason
    assert "(tags: gold, rack-1)" in reason


def test_an_offering_that_comes_with_the_migration_is_said_to_be_new() -> None:
    situation = with_volumes(DETACHED, offering="fast", required_tags=frozenset({"ssd"}), offering_is_new=True)
    [reason] = reasons_against(situation)
    assert "volume data is to take disk offering fast, whose storage tags ssd are not on storage pool new" in reason
    assert reasons_against(with_target(situation, tags=frozenset({"ssd"}))) == []


def test_a_pool_without_any_tags_is_said_to_have_none() -> None:
    [reason] = reasons_against(with_volumes(DETACHED, offering="fast", required_tags=frozenset({"ssd"})))
    assert "(tags: none)" in reason


def test_a_pool_may_have_more_tags_than_are_asked_for() -> None:
    situation = with_volumes(DETACHED, offering="fast", required_tags=frozenset({"ssd"}))
    assert reasons_against(with_target(situation, tags=frozenset({"ssd", "gold"}))) == []


def test_an_offering_without_tags_fits_every_pool() -> None:
    situation = with_volumes(DETACHED, offering="any", required_tags=frozenset())
    assert reasons_against(with_target(situation, tags=frozenset({"ssd"}))) == []


def test_each_volume_is_checked_for_itself() -> None:
    situation = with_volumes(VM, offering="fast", required_tags=frozenset({"ssd"}))
    assert len(reasons_against(situation)) == len(situation.move.disks)


def test_a_target_that_has_gone_meanwhile_is_refused() -> None:
    [reason] = reasons_against(situation_of(move_of_vm(), targets={}))
    assert reason == "storage pool new is not there any more: choose another"


def test_a_host_that_copies_has_to_reach_the_target() -> None:
    host = HostState(id_of("host"), "esx-1", connected=True, in_maintenance=False)
    there, elsewhere = frozenset({host.id}), frozenset({id_of("other host")})
    assert reasons_against(with_target(replace(VM, host=host), writable_host_ids=there)) == []
    [reason] = reasons_against(with_target(replace(VM, host=host), writable_host_ids=elsewhere))
    assert "new is not mounted read-write on host esx-1 of VM web-1" in reason


@pytest.mark.parametrize(
    ("change", "told"),
    [({"connected": False}, "is not connected"), ({"in_maintenance": True}, "is in maintenance")],
)
def test_a_host_that_can_do_nothing(change: dict[str, bool], told: str) -> None:
    host = HostState(id_of("host"), "esx-1", **{"connected": True, "in_maintenance": False, **change})
    [reason] = reasons_against(with_target(replace(VM, host=host), writable_host_ids=frozenset({host.id})))
    assert f"host esx-1 of VM web-1 {told}" in reason


def test_that_no_host_of_the_cluster_has_it_is_said_once() -> None:
    host = HostState(id_of("host"), "esx-1", connected=True, in_maintenance=False)
    nowhere = with_target(replace(VM, host=host), writable_host_ids=frozenset(), writable_cluster_ids=frozenset())
    assert len(reasons_against(nowhere)) == 1


@pytest.mark.parametrize("kind", ["PMEM", "VFFS", "vffs"])
def test_no_ordinary_disk_goes_to_what_is_made_for_others(kind: str) -> None:
    [reason] = reasons_against(with_target(VM, type=kind))
    assert f"new is of type {kind}, which holds no ordinary disks" in reason


@pytest.mark.parametrize("kind", ["VMFS", "NFS", "NFS41", "vsan", "VVOL", "OTHER"])
def test_a_vm_goes_to_everything_else(kind: str) -> None:
    assert reasons_against(with_target(VM, type=kind)) == []


def test_a_policy_that_a_target_does_not_suit() -> None:
    misfit = Misfit("volume data", "golden", "new", "no such tag")
    [reason] = reasons_against(replace(VM, surroundings=Surroundings(misfits=(misfit,))))
    assert reason.startswith(
        "volume data has storage policy golden, which storage pool new does not suit (no such tag)"
    )


def test_a_move_that_nobody_can_carry_out() -> None:
    [reason] = reasons_against(situation_of(replace(move_of_vm(), native=False)))
    assert reason.startswith("nothing here can carry out this migration")


def test_what_is_there_already() -> None:
    [reason] = reasons_against(situation_of(replace(move_of_vm(vm=machine(home=NEW), home_target=NEW), disks=())))
    assert reason == "everything is on its target already: there is nothing to migrate"
