"""Pre-flight checks: each a small rule that says what it found and what to do, or nothing.

All of them run and all that object are told together. `RULES` is the one list: the job, the suitability of pools and
a dry run read the same rules. docs/pre-flight-checks.md has them in a table.
"""

from __future__ import annotations

from dataclasses import replace

from app.errors import CheckFailed, ResourceInUse
from app.migration.checks.images import image_is_not_open, image_stands_alone
from app.migration.checks.machine import no_other_job, vm_is_idle, vm_is_no_template, vm_is_stopped
from app.migration.checks.names import name_is_free
from app.migration.checks.objection import Objection, Rule, Severity, objection_to_json
from app.migration.checks.space import space_suffices
from app.migration.checks.target import not_there_already, same_cluster, tags_fit, target_is_usable
from app.migration.situation import Situation

__all__ = [
    "RULES",
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
    vm_is_stopped,
    vm_is_no_template,
    vm_is_idle,
    no_other_job,
    same_cluster,
    target_is_usable,
    tags_fit,
    space_suffices,
    name_is_free,
    image_is_not_open,
    image_stands_alone,
)


class VmBusy(ResourceInUse):
    """Something works on the VM or the volume already. It passes by itself."""


def objections_against(situation: Situation) -> list[Objection]:
    """Return everything that speaks against the move, warnings too."""
    return [replace(objection, rule=rule.__name__) for rule in RULES for objection in rule(situation)]


def reasons_against(situation: Situation) -> list[str]:
    """Return every reason why the move must not start; none means that it may."""
    return [objection.text for objection in objections_against(situation) if objection.refuses]


def require(situation: Situation) -> list[Objection]:
    """Return the warnings of a move that may start.

    Raises `CheckFailed` with every reason why it must not, or `VmBusy` when all of them pass by themselves.
    """
    objections = objections_against(situation)
    refusals = [objection for objection in objections if objection.refuses]
    if all(objection.passes for objection in refusals):
        if refusals:
            raise VmBusy("; ".join(objection.text for objection in refusals))
        return objections
    raise CheckFailed([objection.text for objection in refusals])
