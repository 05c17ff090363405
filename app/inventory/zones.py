"""Zones as people name them: to whom a key is limited."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import InvalidParameter, NotFound
from app.inventory.models import Zone


def require_zones(session: Session, zone_ids: Collection[UUID]) -> None:
    """Raise `NotFound` for the first id that is no zone's."""
    known = set(session.scalars(select(Zone.id).where(Zone.id.in_(zone_ids), Zone.removed_at.is_(None))))
    for zone_id in zone_ids:
        if zone_id not in known:
            raise NotFound(f"there is no zone {zone_id}: vCenter does not show it, or has never shown it")


def zones_named(session: Session, names: Iterable[str]) -> list[UUID]:
    """Return the zones of these names or ids.

    Raises `NotFound` for one that there is not, and `InvalidParameter` for a name that several vCenters have.
    """
    zones = list(session.scalars(select(Zone).where(Zone.removed_at.is_(None)).order_by(Zone.name)))
    found = []
    for name in names:
        meant = [zone.id for zone in zones if name in {zone.name, str(zone.id)}]
        if not meant:
            known = ", ".join(sorted({zone.name for zone in zones})) or "none yet: `vrelocate vcenter add` brings them"
            raise NotFound(f"there is no zone {name!r}; known: {known}")
        if len(meant) > 1:
            ids = ", ".join(str(zone_id) for zone_id in meant)
            raise InvalidParameter(f"{len(meant)} zones are named {name!r}: say which by its id, one of {ids}")
        found += meant
    return found
