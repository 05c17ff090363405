"""Which pools a volume could go to, by the same rules that a migration starts on (`findStoragePoolsForMigration`)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.errors import NotFound
from app.inventory.models import StoragePool
from app.migration import queries
from app.migration.checks import Objection, objections_against
from app.migration.plan import find_volume, plan
from app.migration.requests import MigrateVolume
from app.migration.situation import from_inventory


@dataclass(frozen=True)
class Suitability:
    """A pool, and everything that speaks against the volume's going there."""

    pool: StoragePool
    """A datastore, or a datastore cluster: then one of its members has been judged, the one that would take it."""
    objections: tuple[Objection, ...]
    """Warnings too."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return every reason why the volume must not go there; none means that it may."""
        return tuple(objection.text for objection in self.objections if objection.refuses)

    @property
    def suitable(self) -> bool:
        """Say whether nothing speaks against it."""
        return not self.reasons


def pools_for_volume(session: Session, volume_id: UUID) -> list[Suitability]:
    """Return every other pool of the volume's vCenter, suitable ones first; raises `NotFound`.

    Datastore clusters stand beside their members: either may be named. It is judged on what the last sync has seen;
    what only vCenter can say (running tasks, storage policies, who has a detached disk by now) is for the job.
    """
    volume = find_volume(session, volume_id)
    judged = [
        Suitability(pool=pool, objections=tuple(_objections(session, volume_id, pool)))
        for pool in queries.pools_of(session, volume.vcenter_id)
        if pool.id != volume.pool_id
    ]
    return sorted(judged, key=lambda it: (not it.suitable, it.pool.name))


def _objections(session: Session, volume_id: UUID, pool: StoragePool) -> list[Objection]:
    try:
        move = plan(session, MigrateVolume(volume_id=volume_id, pool_id=pool.id))
    except NotFound as empty:
        # The volume and the pool are there: it is a datastore cluster of which nothing could take it.
        return [Objection(str(empty), "add a datastore to it, or choose another target", rule="target_has_members")]
    return objections_against(from_inventory(session, move))
