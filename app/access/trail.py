"""The audit trail as clients read it: narrowed, in pages, the newest line first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, cast, false, func, or_, select
from sqlalchemy.orm import Session

from app.access.audit import Action
from app.access.models import AuditEntry

COUNTED = 10_000
"""How many lines are counted one by one."""
LAST = 2**63 - 1
"""No line has a higher number."""


@dataclass(frozen=True, kw_only=True)
class TrailFilter:
    """What the trail can be narrowed by; `None` narrows nothing."""

    ids: Collection[int] | None = None
    actions: Collection[tuple[Action, str | None]] | None = None
    """Each with the type of resource that it was done to; `None`: to any, or to none."""
    actor: str | None = None
    resource_type: str | None = None
    resource_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Written at these moments, or between them."""
    keyword: str | None = None
    """A part of the action, of the actor or of a detail, in any case."""
    past: int = LAST
    """Only what was written before the line with this number."""


def lines_past(session: Session, wanted: TrailFilter, limit: int) -> tuple[list[AuditEntry], int | None]:
    """Return the first lines that are meant, and the number to read on from, if there are more."""
    found = list(session.scalars(_newest(wanted).limit(limit + 1)))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def list_lines(
    session: Session, wanted: TrailFilter, *, limit: int | None, offset: int = 0
) -> tuple[list[AuditEntry], int]:
    """Return one page of the lines that are meant, and how many there are.

    The number is exact up to `COUNTED`; beyond, it says that there are more than this page and those before it show.
    """
    found = list(session.scalars(_newest(wanted).limit(limit).offset(offset)))
    if limit is None:
        return found, len(found)
    counted = _newest(wanted).with_only_columns(AuditEntry.id).limit(max(COUNTED, offset + limit) + 1).subquery()
    return found, session.scalars(select(func.count()).select_from(counted)).one()


def _newest(wanted: TrailFilter) -> Select[AuditEntry]:
    lines = select(AuditEntry).where(AuditEntry.id < wanted.past)
    if wanted.actor is not None:
        lines = lines.where(AuditEntry.actor == wanted.actor)
    if wanted.resource_type is not None:
        lines = lines.where(func.lower(AuditEntry.resource_type) == wanted.resource_type.lower())
    if wanted.resource_id is not None:
        lines = lines.where(AuditEntry.resource_id == wanted.resource_id)
    if wanted.since is not None:
        lines = lines.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        lines = lines.where(AuditEntry.at <= wanted.until)
    if wanted.ids is not None:
        lines = lines.where(AuditEntry.id.in_(wanted.ids))
    if wanted.actions is not None:
        lines = lines.where(or_(false(), *(_done(action, kind) for action, kind in wanted.actions)))
    if wanted.keyword is not None:
        texts = (AuditEntry.action, AuditEntry.actor, cast(AuditEntry.detail, Text))
        lines = lines.where(or_(*(text.icontains(wanted.keyword, autoescape=True) for text in texts)))
    return lines.order_by(AuditEntry.id.desc())


def _done(action: Action, resource_type: str | None) -> ColumnElement[bool]:
    to_any = AuditEntry.action == action
    return to_any if resource_type is None else to_any & (AuditEntry.resource_type == resource_type)
