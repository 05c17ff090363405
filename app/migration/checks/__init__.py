"""Pre-flight checks: each a small rule that says what it found and what to do, or nothing.

All of them run and all that object are told together. `RULES` is the one list: the job, the suitability of pools and
a dry run read the same rules. docs/pre-flight-checks.md has them in a table.
"""

from __future__ import annotations

from dataclasses import replace

from app.errors import CheckFailed, ResourceInUse
from app.migration.checks.disks import (
    clones_keep_hanging_on_it,
    disk_is_no_raw_device,
    disk_is_not_shared,
    disk_is_on_no_shared_bus,
    encryption_goes_along,
    format_is_kept,
    linked_clone_becomes_whole,
    plain_disk_has_a_folder,
)
from app.migration.checks.drift import disk_is_detached, still_what_was_asked_for
from app.migration.checks.images import image_is_not_open, image_stands_alone
from app.migration.checks.machine import (
    change_tracking_may_start_anew,
    consolidation_comes_first,
    images_stay_behind,
    no_other_job,
    snapshots_go_along,
    vm_is_connected,
    vm_is_idle,
    vm_is_no_template,
    vm_is_stopped,
)
from app.migration.checks.names import name_is_free
from app.migration.checks.objection import Objection, Rule, Severity, objection_to_json
from app.migration.checks.space import little_is_left, space_suffices, swap_file_has_room
from app.migration.checks.target import (
    host_reaches_target,
    not_there_already,
    policies_suit,
    same_cluster,
    some_strategy_can,
    tags_fit,
    target_is_usable,
    type_is_allowed,
)
from app.migration.situation import Situation
from app.vsphere.facts import FaultClass

__all__ = [
    "RULES",
    "NotMendedYet",
    "Objection",
    "Rule",
    "Severity",
    "VmBusy",
    "objection_to_json",
    "objections_against",
    "reasons_against",
    "require",
]

RULES: tuple[Rule, ...] = (
    not_there_already,
    still_what_was_asked_for,
    disk_is_detached,
    vm_is_stopped,
    vm_is_no_template,
    vm_is_connected,
    vm_is_idle,
    no_other_job,
    same_cluster,
    target_is_usable,
    host_reaches_target,
    type_is_allowed,
    plain_disk_has_a_folder,
    tags_fit,
    policies_suit,
    space_suffices,
    little_is_left,
    swap_file_has_room,
    name_is_free,
    disk_is_no_raw_device,
    disk_is_not_shared,
    disk_is_on_no_shared_bus,
    linked_clone_becomes_whole,
    clones_keep_hanging_on_it,
    snapshots_go_along,
    consolidation_comes_first,
    change_tracking_may_start_anew,
    images_stay_behind,
    encryption_goes_along,
    format_is_kept,
    image_is_not_open,
    image_stands_alone,
    some_strategy_can,
)


class VmBusy(ResourceInUse):
    """Something works on the VM or the volume already. It passes by itself."""


class NotMendedYet(CheckFailed):
    """What an earlier attempt of the job failed for is still so, or has come since: somebody may yet mend it."""

    fault_class = FaultClass.RETRY_WHEN_CHANGED


_MENDABLE = frozenset(
    rule.__name__ for rule in (target_is_usable, host_reaches_target, vm_is_connected, space_suffices)
)
"""Rules about the state of hosts and storage, which is nobody's wish."""


def objections_against(situation: Situation) -> list[Objection]:
    """Return everything that speaks against the move, warnings too."""
    return [replace(objection, rule=rule.__name__) for rule in RULES for objection in rule(situation)]


def reasons_against(situation: Situation) -> list[str]:
    """Return every reason why the move must not start; none means that it may."""
    return [objection.text for objection in objections_against(situation) if objection.refuses]


def require(situation: Situation, *, tried_before: bool = False) -> list[Objection]:
    """Return the warnings of a move that may start.

    Raises `CheckFailed` with every reason why it must not, or `VmBusy` when all of them pass by themselves. Of a move
    that an earlier attempt was let begin with (`tried_before`), `NotMendedYet` when all of them can be mended.
    """
    objections = objections_against(situation)
    refusals = [objection for objection in objections if objection.refuses]
    if all(objection.passes for objection in refusals):
        if refusals:
            raise VmBusy("; ".join(objection.text for objection in refusals))
        return objections
    if tried_before and all(objection.passes or objection.rule in _MENDABLE for objection in refusals):
        raise NotMendedYet([objection.text for objection in refusals])
    raise CheckFailed([objection.text for objection in refusals])
