"""Storage tags that are set here, beside those that vSphere shows."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from app.access.audit import Action, record
from app.inventory.models import StoragePool
from app.inventory.queries import members_of


def set_tags(session: Session, pool: StoragePool, tags: Iterable[str]) -> None:
    """Let a pool have these storage tags and no others of ours; those of a datastore cluster are its members' too."""
    wanted = sorted({tag.strip() for tag in tags} - {""})
    for it in (pool, *members_of(session, pool.id)):
        it.own_tags = wanted
    session.flush()
    record(session, Action.TAG_POOL, ("StoragePool", pool.id), name=pool.name, tags=wanted)
