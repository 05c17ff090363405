"""Whether it fits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.migration.checks import objections_against, reasons_against
from app.migration.situation import Situation
from tests.unit.moves import GIB, disk, machine, move_of_disks, move_of_vm, pool, situation_of, with_target

pytestmark = pytest.mark.unit

VM = situation_of(move_of_vm())
DETACHED = situation_of(move_of_disks())


def said(situation: Situation) -> dict[str, str]:
    """Everything that is said, warnings too, by rule."""
    return {it.rule: it.text for it in objections_against(situation)}


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


def test_the_vm_s_other_files_go_with_its_home() -> None:
    with_memory = situation_of(move_of_vm(vm=replace(machine(), home_bytes=2 * GIB)))
    assert reasons_against(with_target(with_memory, free_bytes=10 * GIB)) == []
    [reason] = reasons_against(with_target(with_memory, free_bytes=10 * GIB - 1))
    assert "10.0 GiB are needed" in reason
    staying = situation_of(move_of_vm(vm=replace(machine(), home_bytes=2 * GIB), home_target=None))
    assert reasons_against(with_target(staying, free_bytes=8 * GIB)) == []


@given(
    sizes=st.lists(st.tuples(st.integers(0, 2**45), st.sampled_from(["new", "newer"])), min_size=1, max_size=6),
    home_bytes=st.integers(0, 2**40),
    free=st.integers(0, 2**46),
    reserved=st.integers(0, 2**46),
)
def test_it_is_refused_exactly_where_it_does_not_fit(
    sizes: list[tuple[int, str]], home_bytes: int, free: int, reserved: int
) -> None:
    disks = [
        replace(disk(f"disk-{n}", target=pool(name), key=2000 + n), needed_bytes=size)
        for n, (size, name) in enumerate(sizes)
    ]
    move = move_of_vm(*disks, vm=replace(machine(), home_bytes=home_bytes))
    situation = with_target(situation_of(move), free_bytes=free, reserved_bytes=reserved)
    needed = {"new": home_bytes, "newer": 0}
    for size, name in sizes:
        needed[name] += size
    too_small = {name for name in needed if pool(name).id in move.targets and needed[name] > free - reserved}
    refused = [it for it in objections_against(situation) if it.refuses]
    assert {it.rule for it in refused} <= {"space_suffices"}
    assert {it.found.split()[2] for it in refused} == too_small


def test_a_pool_that_becomes_nearly_full_is_said_to() -> None:
    full = with_target(VM, capacity_bytes=100 * GIB, free_bytes=22 * GIB)
    assert said(full)["little_is_left"].startswith("storage pool new will have 14.0 GiB of 100.0 GiB left")
    assert reasons_against(full) == []
    assert said(with_target(VM, capacity_bytes=100 * GIB, free_bytes=24 * GIB)) == {}


def test_a_pool_without_room_for_the_swap_file() -> None:
    tight = with_target(replace(VM, memory_bytes=8 * GIB), capacity_bytes=10 * GIB, free_bytes=12 * GIB)
    assert "a swap file of up to 8.0 GiB when it is started" in said(tight)["swap_file_has_room"]
    assert reasons_against(tight) == []
    assert "swap_file_has_room" not in said(situation_of(move_of_vm(home_target=None), memory_bytes=8 * GIB))
