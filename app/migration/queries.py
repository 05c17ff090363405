"""Every SQL statement about migrations: what they concern, the slots they take, the space they reserve."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar
from uuid import UUID

from sqlalchemy import delete, exists, func, select, text, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlalchemy.orm import Session, aliased, lazyload

from app.inventory.models import DiskOffering, StoragePool, VCenter, VirtualMachine, Volume, Zone
from app.jobs.models import TERMINAL_SQL, OutsideTask, Slot
from app.migration.models import SpaceReservation
from app.secondary.models import SecondaryStore
from app.vsphere.facts import WORKER_NAME

LOCK_ADMISSION = text("SELECT pg_advisory_xact_lock(hashtextextended('admission:' || :vcenter_id, 0))")
"""One admission at a time a vCenter: counting slots and taking one is then a single step."""


Row = TypeVar("Row", Volume, VirtualMachine, StoragePool)


def _present(session: Session, row: Row | None) -> Row | None:
    """Return a row that was got by its id, if it is present.

    It is kept for the rest of the transaction, with what hangs on it: a session itself forgets what nobody holds, and
    would read it anew for whoever asks next.
    """
    session.info.setdefault("got by id", []).append(row)
    return row if row is not None and row.removed_at is None else None


def volume(session: Session, volume_id: UUID) -> Volume | None:
    """Return a volume that is present."""
    return _present(session, session.get(Volume, volume_id))


def virtual_machine(session: Session, vm_id: UUID) -> VirtualMachine | None:
    """Return a VM that is present."""
    return _present(session, session.get(VirtualMachine, vm_id))


def others_with_disk(session: Session, volume: Volume) -> tuple[str, ...]:
    """Return the names of VMs other than its own that have the disk of a volume."""
    other = aliased(Volume)
    return tuple(
        session.scalars(
            select(VirtualMachine.name)
            .join(other, other.vm_id == VirtualMachine.id)
            .where(
                other.pool_id == volume.pool_id,
                other.path == volume.path,
                other.id != volume.id,
                other.vm_id.is_distinct_from(volume.vm_id),
                other.removed_at.is_(None),
                VirtualMachine.removed_at.is_(None),
            )
            .order_by(VirtualMachine.name)
        )
    )


def clones_on(
    session: Session, paths: Collection[str], volume: Volume, machine: VirtualMachine | None
) -> tuple[str, ...]:
    """Return the names of linked clones, other than `machine`, that hang on one of `paths`, files of a volume."""
    condition = [VirtualMachine.id != machine.id] if machine else []
    linked_to = type_coerce(VirtualMachine.traits, JSONB)["linked_to"]
    return tuple(
        session.scalars(
            select(VirtualMachine.name)
            .where(
                VirtualMachine.vcenter_id == volume.vcenter_id,
                # A datastore's name is unique within its datacenter.
                VirtualMachine.zone_id == volume.zone_id,
                VirtualMachine.removed_at.is_(None),
                linked_to.op("?|", is_comparison=True)(array(list(paths))),
                *condition,
            )
            .order_by(VirtualMachine.name)
        )
    )


def machine_alone(session: Session, vm_id: UUID) -> VirtualMachine | None:
    """Return a VM that is present; its volumes are not read with it."""
    return _present(session, session.get(VirtualMachine, vm_id, options=[lazyload(VirtualMachine.volumes)]))


def pool(session: Session, pool_id: UUID) -> StoragePool | None:
    """Return a pool that is present."""
    return _present(session, session.get(StoragePool, pool_id))


def disk_offering(session: Session, offering_id: UUID) -> DiskOffering | None:
    """Return a disk offering."""
    return session.get(DiskOffering, offering_id)


def pools_of(session: Session, vcenter_id: UUID) -> list[StoragePool]:
    """Return every pool of a vCenter that is present, by name."""
    return list(
        session.scalars(
            select(StoragePool)
            .where(StoragePool.vcenter_id == vcenter_id, StoragePool.removed_at.is_(None))
            .order_by(StoragePool.name)
        )
    )


def pool_by_moref(session: Session, vcenter_id: UUID, moref: str) -> StoragePool | None:
    """Return the pool that a vCenter calls `moref`."""
    return session.scalars(
        select(StoragePool).where(StoragePool.vcenter_id == vcenter_id, StoragePool.moref == moref)
    ).one_or_none()


def vcenter(session: Session, vcenter_id: UUID) -> VCenter:
    """Return a vCenter."""
    return session.get_one(VCenter, vcenter_id)


def zone(session: Session, zone_id: UUID) -> tuple[Zone, bool]:
    """Return a zone, and with it its vCenter; and whether some secondary store is known."""
    stored = exists().where(SecondaryStore.id.is_not(None)).label("stored")
    found, known = session.execute(select(Zone, stored).where(Zone.id == zone_id)).one()
    return found, known


def slots_in_use(session: Session, resources: Collection[str], job_id: UUID) -> dict[str, int]:
    """Return how many jobs other than `job_id` hold a slot of each resource."""
    rows = session.execute(
        select(Slot.resource, func.count())
        .where(Slot.resource.in_(resources), Slot.job_id != job_id)
        .group_by(Slot.resource)
    )
    return {resource: count for resource, count in rows}  # noqa: C416  # rows are Row objects, dict() would not type


def slots_of(session: Session, job_id: UUID) -> set[str]:
    """Return the resources that a job has a slot of."""
    return set(session.scalars(select(Slot.resource).where(Slot.job_id == job_id)))


JOBS_WITH_STRAYS = text(
    f"""
    SELECT id FROM job
    WHERE id IN (SELECT job_id FROM slot UNION SELECT job_id FROM space_reservation)
      AND (state = 'queued' OR {TERMINAL_SQL})
    ORDER BY id
    """
)
"""Jobs that hold slots or space and must not."""


def jobs_with_strays(session: Session) -> list[UUID]:
    """Return the jobs that hold slots or space in a state in which none has any."""
    return list(session.execute(JOBS_WITH_STRAYS).scalars())


def reserved_bytes(session: Session, pool_ids: Collection[UUID], job_id: UUID | None) -> dict[UUID, int]:
    """Return the bytes that other jobs have reserved on each pool."""
    statement = select(SpaceReservation.pool_id, func.sum(SpaceReservation.bytes)).where(
        SpaceReservation.pool_id.in_(pool_ids)
    )
    if job_id is not None:
        statement = statement.where(SpaceReservation.job_id != job_id)
    return {pool_id: int(total) for pool_id, total in session.execute(statement.group_by(SpaceReservation.pool_id))}


def drop_admission(session: Session, job_id: UUID) -> list[str]:
    """Free a job's slots and space; returns the resources of the slots."""
    session.execute(delete(SpaceReservation).where(SpaceReservation.job_id == job_id))
    return list(session.scalars(delete(Slot).where(Slot.job_id == job_id).returning(Slot.resource)))


def mark_moving(session: Session, volume_id: UUID, job_id: UUID, moving_to: str) -> None:
    """Say where a job is taking a volume."""
    session.execute(update(Volume).where(Volume.id == volume_id).values(moving_to=moving_to, moved_by=job_id))


def unmark_moving(session: Session, job_id: UUID) -> None:
    """Say that a job is not taking anything anywhere any more."""
    # Locked in the order in which a sync locks them too, so that nobody waits in a circle.
    marked = select(Volume.id).where(Volume.moved_by == job_id).order_by(Volume.id).with_for_update().cte()
    session.execute(update(Volume).where(Volume.id.in_(select(marked.c.id))).values(moving_to=None, moved_by=None))


LAST_OWN_PATH = text(
    f"""
    SELECT step ->> 'target_path' FROM job
    JOIN job_attempt ON job_attempt.job_id = job.id
    CROSS JOIN jsonb_array_elements(job_attempt.program -> 'commands') AS step
    WHERE job.resource_type = 'Volume' AND job.resource_id = :volume_id AND step ->> 'kind' = 'place-disk'
      AND step ->> 'target_path' NOT LIKE '%] {WORKER_NAME}%'
    ORDER BY job.created_at DESC, job_attempt.number DESC LIMIT 1
    """
)
"""Where a volume was last to be put when its worker VM had brought it to its target."""


def last_own_path(session: Session, volume_id: UUID) -> str | None:
    """Return the path that a job was last to give a volume which a worker VM had carried, if it is known."""
    path: str | None = session.execute(LAST_OWN_PATH, {"volume_id": volume_id}).scalar_one_or_none()
    return path


def tasks_of_job(session: Session, job_id: UUID) -> list[OutsideTask]:
    """Return everything that was ever asked of vCenter for a job, oldest first."""
    return list(
        session.scalars(
            select(OutsideTask).where(OutsideTask.job_id == job_id).order_by(OutsideTask.attempt, OutsideTask.sequence)
        )
    )
