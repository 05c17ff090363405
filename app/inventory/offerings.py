"""Disk offerings: service classes whose storage tags say which pools may hold a volume."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.access.audit import Action, record
from app.db import transaction
from app.errors import InvalidParameter, NameTaken, NotFound
from app.inventory.models import DiskOffering, Volume
from app.inventory.queries import pools_with_volumes_of


class TagsMissing(InvalidParameter):
    """Volumes of an offering lie on pools without its new tags."""


def create_offering(name: str, display_text: str, tags: list[str]) -> UUID:
    """Keep a new disk offering; raises `NameTaken`."""
    with transaction() as session:
        offering = DiskOffering(name=name, display_text=display_text, tags=sorted(set(tags)))
        session.add(offering)
        _write(session, name)
        record(session, Action.CREATE_OFFERING, ("DiskOffering", offering.id), name=name, tags=offering.tags)
        return offering.id


def update_offering(
    offering_id: UUID, name: str | None = None, display_text: str | None = None, tags: Collection[str] | None = None
) -> None:
    """Change what is given of a disk offering; `None` leaves it as it is.

    Raises `NotFound` for an unknown id, `NameTaken`, and `TagsMissing` when a volume of the offering
    lies on a pool that lacks one of the new tags. Source: CloudStack,
    ConfigurationManagerImpl.updateOfferingTagsIfIsNotNull.
    """
    with transaction() as session:
        # A volume that gets this offering holds its row too: so none comes to it between the check and the change.
        offering = session.get(DiskOffering, offering_id, with_for_update=True)
        if offering is None:
            raise NotFound(f"there is no disk offering {offering_id}")
        if name is not None:
            offering.name = name
        if display_text is not None:
            offering.display_text = display_text
        changed = tags is not None and set(tags) != set(offering.tags)
        if tags is not None and changed:
            offering.tags = sorted(set(tags))
        _write(session, offering.name)
        if changed:
            _require_tags_where_volumes_are(session, offering)
        shown = {"name": offering.name, "tags": list(offering.tags)}
        record(session, Action.UPDATE_OFFERING, ("DiskOffering", offering_id), **shown)


def _write(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as taken:
        raise NameTaken(f"there is a disk offering named {name} already: choose another name") from taken


def _require_tags_where_volumes_are(session: Session, offering: DiskOffering) -> None:
    wanted = frozenset(offering.tags)
    lacking = [pool.name for pool in pools_with_volumes_of(session, offering.id) if not wanted <= pool.tags]
    if lacking:
        raise TagsMissing(
            f"There are active volumes using offering [{offering.name}], and the pools [{', '.join(lacking)}] don't "
            "have the new tags: give them these tags, or move the volumes elsewhere first"
        )


def assign_offering(volume_id: UUID, offering_id: UUID) -> None:
    """Say of which service class a volume is; its present pool is not checked, the target of its next migration is."""
    with transaction() as session:
        give_offering(session, volume_id, offering_id)
        record(session, Action.ASSIGN_OFFERING, ("Volume", volume_id), offering=str(offering_id))


def give_offering(session: Session, volume_id: UUID, offering_id: UUID) -> None:
    """Do the same in a transaction of the caller's, who holds the offering until its end; raises `NotFound`."""
    volume = session.get(Volume, volume_id)
    offering = session.get(DiskOffering, offering_id, with_for_update={"read": True, "key_share": True})
    if volume is None or volume.removed_at is not None:
        raise NotFound(f"there is no volume {volume_id}")
    if offering is None:
        raise NotFound(f"there is no disk offering {offering_id}")
    volume.disk_offering_id = offering.id
