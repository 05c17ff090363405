"""Which pools a volume could go to, by the same rules that a migration starts on (`findStoragePoolsForMigration`)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.inventory.models import StoragePool
from app.migration import queries
from app.migration.checks import reasons_against
from app.migration.plan import find_volume, plan
from app.migration.requests import MigrateVolume
from app.migration.situation import from_inventory


@dataclass(frozen=True)
class Suitability:
    """A pool, and every reason why the volume must not go there; none means that it may."""

    pool: StoragePool
    reasons: tuple[str, ...]

    @property
    def suitable(self) -> bool:
        """Say whether nothing speaks against it."""
        return not self.reasons


def pools_for_volume(session: Session, volume_id: UUID) -> list[Suitability]:
    """Return every other pool of the volume's vCenter, suitable ones first; raises `NotFound`."""
    volume = find_volume(session, volume_id)
    judged = []
    for pool in queries.pools_of(session, volume.vcenter_id):
        if pool.id == volume.pool_id:
            continue
        situation = from_inventory(session, plan(session, MigrateVolume(volume_id=volume_id, pool_id=pool.id)))
        judged.append(Suitability(pool=pool, reasons=tuple(reasons_against(situation))))
    return sorted(judged, key=lambda it: (not it.suitable, it.pool.name))
