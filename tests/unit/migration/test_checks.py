"""Every pre-flight rule both ways, and all that fail told together."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import replace

import pytest

from app.errors import CheckFailed
from app.migration import checks
from app.migration.checks import RULES, VmBusy, reasons_against, require
from app.migration.situation import Situation
from tests.unit.moves import (
    EAST,
    GIB,
    WEST,
    disk,
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


@pytest.mark.parametrize("situation", [VM, DETACHED], ids=["a stopped VM", "a detached disk"])
def test_nothing_speaks_against_what_is_in_order(situation: Situation) -> None:
    assert reasons_against(situation) == []
    require(situation)


@pytest.mark.parametrize("power_state", ["poweredOn", "suspended"])
def test_a_vm_that_is_not_off_is_refused(power_state: str) -> None:
    [reason] = reasons_against(situation_of(move_of_vm(), power_state=power_state))
    assert f"VM web-1 is {power_state}: stop it first" in reason


def test_a_template_is_refused() -> None:
    [reason] = reasons_against(situation_of(move_of_vm(), is_template=True))
    assert "template" in reason


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


def test_space_is_counted_over_all_disks() -> None:
    """Two disks of 4 GiB each."""
    assert reasons_against(with_target(VM, free_bytes=8 * GIB)) == []
    [reason] = reasons_against(with_target(VM, free_bytes=8 * GIB - 1))
    assert "8.0 GiB are needed" in reason


def test_what_running_jobs_have_reserved_is_not_free() -> None:
    assert reasons_against(with_target(VM, free_bytes=20 * GIB, reserved_bytes=12 * GIB)) == []
    [reason] = reasons_against(with_target(VM, free_bytes=20 * GIB, reserved_bytes=13 * GIB))
    assert "has 7.0 GiB left (20.0 GiB free, 13.0 GiB reserved by running jobs)" in reason


def test_more_reserved_than_free_is_shown_as_nothing_left() -> None:
    [reason] = reasons_against(with_target(VM, free_bytes=1 * GIB, reserved_bytes=5 * GIB))
    assert "has 0.0 GiB left" in reason


def test_a_vm_of_which_only_the_configuration_moves_needs_no_space() -> None:
    home_alone = situation_of(replace(move_of_vm(), disks=()))
    assert reasons_against(with_target(home_alone, free_bytes=0)) == []


def test_nothing_is_ever_overwritten() -> None:
    [reason] = reasons_against(with_volumes(DETACHED, target_is_taken=True))
    assert reason.startswith("a file of the name of [old] folder/data.vmdk is on new already")


def test_all_reasons_are_told_at_once() -> None:
    situation = with_volumes(VM, offering="fast", required_tags=frozenset({"ssd"}), target_is_taken=True)
    situation = with_target(situation, accessible=False, free_bytes=0)
    situation = replace(situation, power_state="poweredOn", is_template=True)
    with pytest.raises(CheckFailed) as refused:
        require(situation)
    reasons = refused.value.reasons
    assert len(reasons) == 1 + 1 + 1 + 2 + 1 + 2  # power, template, target, tags twice, space, names twice
    assert str(refused.value) == "; ".join(reasons)
    assert refused.value.code == 431


def test_every_rule_has_its_say() -> None:
    """A rule that is missing from the list would pass all the tests above that expect no reason."""
    families = [
        importlib.import_module(f"app.migration.checks.{it.name}") for it in pkgutil.iter_modules(checks.__path__)
    ]
    written = {
        rule
        for family in families
        for name, rule in vars(family).items()
        if inspect.isgeneratorfunction(rule) and not name.startswith("_")
    }
    assert written == set(RULES)
    assert len(RULES) == len(written)


def test_a_task_that_is_running_passes_by_itself() -> None:
    with pytest.raises(VmBusy, match="a vCenter task is running on VM web-1"):
        require(situation_of(move_of_vm(), task_running=True))


def test_what_will_not_pass_by_itself_is_told_before_what_will() -> None:
    with pytest.raises(CheckFailed, match="poweredOn"):
        require(situation_of(move_of_vm(), task_running=True, power_state="poweredOn"))


def test_a_target_that_has_gone_meanwhile_is_refused() -> None:
    [reason] = reasons_against(situation_of(move_of_vm(), targets={}))
    assert reason == "storage pool new is not there any more: choose another"
