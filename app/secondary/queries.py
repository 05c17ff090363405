"""Every SQL statement about secondary storage. Times are the database's."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import and_, delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from app.secondary.models import SecondaryStore, Transfer, TransferFile, TransferPhase

CLAIM = text(
    """
    UPDATE transfer SET lease_owner = :owner, lease_expires_at = now() + make_interval(secs => :lease_seconds),
                        fence = fence + 1, started_at = COALESCE(started_at, now())
    WHERE id = (SELECT id FROM transfer
                WHERE finished_at IS NULL AND (lease_expires_at IS NULL OR lease_expires_at < now())
                  AND (store_id = ANY(CAST(:stores AS uuid[])) OR abandoned_at IS NOT NULL)
                ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id
    """
)
"""A transfer that nobody carries, or whose carrier died. One that was abandoned needs no store to be ended."""

RENEW = text(
    """
    UPDATE transfer t SET lease_expires_at = now() + make_interval(secs => :lease_seconds)
    FROM outside_task o
    WHERE t.id = :id AND t.fence = :fence AND t.lease_owner = :owner AND o.id = t.task_id AND o.settled_at IS NULL
    RETURNING t.abandoned_at IS NOT NULL AS abandoned
    """
)
"""Keep one's own lease, and hear whether to stop. A task that somebody else has settled is nobody's to carry."""

RELEASE = text(
    """
    UPDATE transfer SET lease_owner = NULL, lease_expires_at = NULL
    WHERE id = :id AND fence = :fence AND lease_owner = :owner
    """
)

SAVE_PROGRESS = text(
    """
    WITH told AS (
        UPDATE outside_task o SET state = 'running', progress = GREATEST(o.progress, :percent),
                                  submitted_at = COALESCE(o.submitted_at, now())
        FROM transfer t
        WHERE t.id = :id AND t.fence = :fence AND o.id = t.task_id AND o.settled_at IS NULL
        RETURNING o.job_id, o.progress)
    UPDATE job SET progress = GREATEST(job.progress, told.progress), phase = :phase, updated_at = now()
    FROM told WHERE job.id = told.job_id AND job.state = 'running'
    """
)

RESERVED = text(
    """
    SELECT t.store_id, sum(f.size_bytes - f.downloaded_bytes) AS bytes
    FROM transfer t JOIN transfer_file f ON f.transfer_id = t.id
    WHERE t.finished_at IS NULL AND t.id <> ALL(CAST(:besides AS uuid[]))
    GROUP BY t.store_id
    """
)
"""What open transfers are still going to write, by store. What they have written, the file system counts itself."""

OVER_AND_UNCLEARED = text(
    """
    SELECT DISTINCT t.job_id FROM transfer t JOIN job j ON j.id = t.job_id
    WHERE t.cleared_at IS NULL AND j.finished_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM transfer o WHERE o.job_id = t.job_id AND o.finished_at IS NULL)
    LIMIT :most
    """
)
"""Jobs that are over, and have left something on secondary storage."""


def reserved_bytes(session: Session, *, besides: UUID | None = None) -> dict[UUID, int]:
    """Return what open transfers, without the transfer `besides`, are still going to write, by store."""
    rows = session.execute(RESERVED, {"besides": [] if besides is None else [besides]})
    return {row.store_id: int(row.bytes) for row in rows}


def store_by_name(session: Session, name: str) -> SecondaryStore | None:
    """Return the store of that name."""
    return session.scalars(select(SecondaryStore).where(SecondaryStore.name == name)).one_or_none()


def stores(session: Session) -> Sequence[SecondaryStore]:
    """Return every store, by name."""
    return session.scalars(select(SecondaryStore).order_by(SecondaryStore.name)).all()


def uncleared_transfers(session: Session, store_id: UUID) -> int:
    """Return how many transfers have left something on a store."""
    uncleared = select(func.count()).where(Transfer.store_id == store_id, Transfer.cleared_at.is_(None))
    return session.scalars(uncleared).one()


def forget_transfers_through(session: Session, store_id: UUID) -> None:
    """Delete the records of a store's transfers."""
    session.execute(delete(Transfer).where(Transfer.store_id == store_id))


def transfer_of(session: Session, task_id: UUID) -> Transfer | None:
    """Return the transfer that an outside task is carried out by."""
    return session.scalars(select(Transfer).where(Transfer.task_id == task_id)).one_or_none()


def transfers_of(session: Session, job_id: UUID) -> Sequence[Transfer]:
    """Return a job's transfers, the newest first."""
    return session.scalars(
        select(Transfer).where(Transfer.job_id == job_id).order_by(Transfer.created_at.desc(), Transfer.id)
    ).all()


def written_bytes(session: Session, task_ids: Collection[UUID]) -> int | None:
    """Return what the transfers of outside tasks have written to their targets; `None` when they have none."""
    written = (
        select(func.count(), func.coalesce(func.sum(TransferFile.uploaded_bytes), 0))
        .join(Transfer, Transfer.id == TransferFile.transfer_id)
        .where(Transfer.task_id.in_(task_ids))
    )
    files, total = session.execute(written).one()
    return int(total) if files else None


def newest_done(session: Session, job_id: UUID) -> Transfer | None:
    """Return a job's newest transfer that is done."""
    return next((it for it in transfers_of(session, job_id) if it.phase is TransferPhase.DONE), None)


def files_of(session: Session, transfer_id: UUID) -> Sequence[TransferFile]:
    """Return a transfer's files in order."""
    return session.scalars(
        select(TransferFile).where(TransferFile.transfer_id == transfer_id).order_by(TransferFile.number)
    ).all()


def is_carried_anew(session: Session, transfer: Transfer, file: TransferFile) -> bool:
    """Say whether a later transfer, of whichever job, has made the file's target its own."""
    later = (
        select(TransferFile.number)
        .join(Transfer, Transfer.id == TransferFile.transfer_id)
        .where(
            TransferFile.target == file.target,
            TransferFile.upload_begun,
            Transfer.id != transfer.id,
            Transfer.created_at >= transfer.created_at,
        )
    )
    return session.scalars(select(later.exists())).one()


def was_begun_before(session: Session, transfer: Transfer, file: TransferFile) -> bool:
    """Say whether an earlier transfer of the same job has left what lies at the file's target."""
    earlier = (
        select(TransferFile.number)
        .join(Transfer, Transfer.id == TransferFile.transfer_id)
        .where(
            TransferFile.target == file.target,
            TransferFile.upload_begun,
            Transfer.job_id == transfer.job_id,
            Transfer.id != transfer.id,
            Transfer.phase == TransferPhase.FAILED,
            Transfer.cleared_at.is_(None),
        )
    )
    return session.scalars(select(earlier.exists())).one()


def is_carried_by_another(session: Session, transfer: Transfer, file: TransferFile) -> bool:
    """Say whether another transfer writes to the file's target, or has done so since this one was ordered.

    Who asks at the same time for the same target waits until this transaction is over.
    """
    session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(json.dumps(file.target, sort_keys=True), 0)))
    )
    another = (
        select(TransferFile.number)
        .join(Transfer, Transfer.id == TransferFile.transfer_id)
        .where(
            TransferFile.target == file.target,
            TransferFile.upload_begun,
            Transfer.id != transfer.id,
            or_(
                Transfer.finished_at.is_(None),
                and_(Transfer.phase == TransferPhase.DONE, Transfer.finished_at >= transfer.created_at),
            ),
        )
    )
    return session.scalars(select(another.exists())).one()


def save_file(
    session: Session,
    transfer_id: UUID,
    number: int,
    *,
    owner: str,
    fence: int,
    columns: Mapping[str, object],
) -> bool:
    """Write columns of a file, if `owner` still carries its transfer and is not to stop; say whether it was written."""
    held = select(Transfer.id).where(
        Transfer.id == transfer_id,
        Transfer.fence == fence,
        Transfer.lease_owner == owner,
        Transfer.abandoned_at.is_(None),
    )
    written = session.execute(
        update(TransferFile)
        .where(TransferFile.transfer_id == transfer_id, TransferFile.number == number, held.exists())
        .values(**columns)
        .returning(TransferFile.number)
        .execution_options(synchronize_session=False)
    )
    return written.first() is not None


def save_transfer(
    session: Session, transfer_id: UUID, *, owner: str, fence: int, columns: Mapping[str, object]
) -> bool:
    """Write columns of a transfer, if `owner` still carries it; say whether it was written."""
    written = session.execute(
        update(Transfer)
        .where(Transfer.id == transfer_id, Transfer.fence == fence, Transfer.lease_owner == owner)
        .values(**columns)
        .returning(Transfer.id)
        .execution_options(synchronize_session=False)
    )
    return written.first() is not None
