"""Disk offerings: service classes whose storage tags say which pools may hold a volume."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.access.audit import Action, record
from app.db import transaction
from app.errors import NameTaken, NotFound
from app.inventory.models import DiskOffering, Volume


def create_offering(name: str, display_text: str, tags: list[str]) -> UUID:
    """Keep a new disk offering; raises `InvalidParameter` when its name is taken."""
    with transaction() as session:
        if session.scalars(select(DiskOffering).where(DiskOffering.name == name)).one_or_none() is not None:
            raise NameTaken(f"there is a disk offering named {name} already: choose another name")
        offering = DiskOffering(name=name, display_text=display_text, tags=sorted(set(tags)))
        session.add(offering)
        try:
            session.flush()
        except IntegrityError:
            raise NameTaken(f"somebody has just made a disk offering named {name}") from None
        record(session, Action.CREATE_OFFERING, ("DiskOffering", offering.id), name=name, tags=offering.tags)
        return offering.id


def assign_offering(volume_id: UUID, offering_id: UUID) -> None:
    """Say of which service class a volume is; its present pool is not checked, the target of its next migration is."""
    with transaction() as session:
        volume, offering = session.get(Volume, volume_id), session.get(DiskOffering, offering_id)
        if volume is None or volume.removed_at is not None:
            raise NotFound(f"there is no volume {volume_id}")
        if offering is None:
            raise NotFound(f"there is no disk offering {offering_id}")
        volume.disk_offering_id = offering.id
        record(session, Action.ASSIGN_OFFERING, ("Volume", volume_id), name=volume.name, offering=offering.name)
