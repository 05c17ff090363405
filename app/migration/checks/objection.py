"""What a check says: what was found, what to do about it, and whether that stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.db import Json
from app.migration.situation import Situation


class Severity(StrEnum):
    """Whether a migration may start in spite of an objection."""

    REFUSES = "refuses"
    WARNS = "warns"
    """vCenter does it; but it has an effect that the operator should know of before."""


@dataclass(frozen=True)
class Objection:
    """One thing that speaks against a migration."""

    found: str
    todo: str
    severity: Severity = Severity.REFUSES
    passes: bool = False
    """It goes away by itself: the job is tried again, not failed."""
    rule: str = ""
    """The name of the rule that says it; filled in by whoever runs the rule."""

    @property
    def refuses(self) -> bool:
        """Say whether it keeps the migration from starting."""
        return self.severity is Severity.REFUSES

    @property
    def text(self) -> str:
        """Return both halves as one sentence, as a job's error has them."""
        return f"{self.found}: {self.todo}"


Rule = Callable[[Situation], Iterator[Objection]]
"""A check; its name is what people call it by."""


def warning(found: str, todo: str) -> Objection:
    """Return an objection that keeps nothing from starting."""
    return Objection(found, todo, Severity.WARNS)


def objection_to_json(objection: Objection) -> Json:
    """Return an objection as events, dry runs and the API show it."""
    return {
        "rule": objection.rule,
        "severity": objection.severity.value,
        "found": objection.found,
        "todo": objection.todo,
    }
