"""A datastore cluster as a target: which of its members takes what goes there.

Storage DRS would recommend one too (`StorageResourceManager.RecommendDatastores`); but its recommendation is for the
moment, and knows neither storage tags nor what running jobs have reserved.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.errors import NotFound
from app.inventory.models import DiskOffering, StoragePool, Volume
from app.inventory.queries import members_of
from app.migration import queries


def member_for(
    session: Session, pod: StoragePool, volumes: Sequence[Volume], new_offering: DiskOffering | None = None
) -> StoragePool:
    """Return the member of `pod` that all of `volumes` go to; `new_offering` is what they take instead of their own.

    The first of: one that has some of them already (what is half there stays together); one that may take them; the
    one with the most room left. Whether it may really take them is the checks' business. Raises `NotFound` for a pod
    without members.
    """
    members = members_of(session, pod.id)
    if not members:
        raise NotFound(f"datastore cluster {pod.name} has no members: choose a datastore")
    reserved = queries.reserved_bytes(session, [member.id for member in members], None)
    holding = {volume.pool_id for volume in volumes}
    offerings = [new_offering] if new_offering else [volume.disk_offering for volume in volumes]
    wanted = frozenset[str]().union(*(offering.tags for offering in offerings if offering))
    clusters = [volume.pool.writable_cluster_ids for volume in volumes]

    def fitness(member: StoragePool) -> tuple[bool, bool, int, str]:
        may = (
            member.accessible
            and member.maintenance_mode == "normal"
            and wanted <= member.tags
            and all(member.writable_cluster_ids & source for source in clusters)
        )
        return member.id not in holding, not may, reserved.get(member.id, 0) - member.free_bytes, member.name

    return min(members, key=fitness)
