"""Names and ids of what only the host's side handles, looked up in the database; the rules are those of `naming`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.db import transaction
from app.errors import InvalidParameter, NotFound
from app.inventory.models import DiskOffering, Volume


def volume_named(wanted: str) -> UUID:
    """Return the id of the one present volume whose id or name is `wanted`."""
    with transaction() as session:
        present = select(Volume.id).where(Volume.removed_at.is_(None))
        by_id = session.scalars(present.where(Volume.id == _uuid(wanted))).all()
        return _only(by_id or session.scalars(present.where(Volume.name == wanted)).all(), "volume", wanted)


def offering_named(wanted: str) -> UUID:
    """Return the id of the disk offering whose id or name is `wanted`."""
    with transaction() as session:
        every = select(DiskOffering.id)
        by_id = session.scalars(every.where(DiskOffering.id == _uuid(wanted))).all()
        return _only(by_id or session.scalars(every.where(DiskOffering.name == wanted)).all(), "disk offering", wanted)


def _only(found: Sequence[UUID], word: str, wanted: str) -> UUID:
    if not found:
        raise NotFound(f"no {word} is called {wanted!r}")
    if len(found) > 1:
        ids = ", ".join(map(str, found))
        raise InvalidParameter(f"{len(found)} {word}s are called {wanted!r}, name one by its id: {ids}")
    return found[0]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
