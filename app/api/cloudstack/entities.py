"""What the ids of parameters name: things of the inventory, and what CloudStack has and is derived here."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.models import ApiKey
from app.access.queries import key_names
from app.api.cloudstack.ownership import Account, Domain, Project, known_account_ids
from app.api.cloudstack.pods import Pod, known_pod_ids
from app.inventory import queries
from app.inventory.queries import Thing

Entity = Thing | Pod | ApiKey | Account | Domain | Project
"""A user is an `ApiKey`."""


def known_ids(session: Session, entity: type[Entity], ids: Collection[UUID]) -> set[UUID]:
    """Return those of `ids` that ever were an `entity`'s, removed ones too."""
    if issubclass(entity, Pod):
        return known_pod_ids(session, ids)
    if issubclass(entity, ApiKey):
        return set(key_names(session, ids))
    if issubclass(entity, Account):
        return known_account_ids(session, ids)
    if issubclass(entity, Domain):
        return {Domain().id}.intersection(ids)
    if issubclass(entity, Project):
        return set()
    return queries.known_ids(session, entity, ids)
