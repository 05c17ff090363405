"""All rules run, and all that object are told together."""

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
from tests.unit.moves import move_of_disks, move_of_vm, situation_of, with_target, with_volumes

pytestmark = pytest.mark.unit

VM = situation_of(move_of_vm())
DETACHED = situation_of(move_of_disks())


@pytest.mark.parametrize("situation", [VM, DETACHED], ids=["a stopped VM", "a detached disk"])
def test_nothing_speaks_against_what_is_in_order(situation: Situation) -> None:
    assert reasons_against(situation) == []
    require(situation)


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
