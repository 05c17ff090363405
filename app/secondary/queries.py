"""Every SQL statement about secondary storage. Times are the database's."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, text
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
    RETURNING id, job_id, task_id, store_id, fence
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

CHECKPOINT = text(
    """
    UPDATE transfer_file f
    SET downloaded_bytes = :downloaded, uploaded_bytes = :uploaded, compared_bytes = :compared
    FROM transfer t JOIN outside_task o ON o.id = t.task_id
    WHERE f.transfer_id = :id AND f.number = :number AND t.id = f.transfer_id AND t.fence = :fence
      AND t.lease_owner = :owner AND t.abandoned_at IS NULL AND o.settled_at IS NULL
    """
)
"""How far a file is; no row when the writer is not the carrier any more, or is to stop."""

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
    WHERE t.cleared_at IS NULL AND t.finished_at IS NOT NULL
      AND (j.finished_at IS NOT NULL OR t.phase = 'failed')
      AND NOT EXISTS (SELECT FROM transfer o WHERE o.job_id = t.job_id AND o.finished_at IS NULL)
    LIMIT :most
    """
)
"""Jobs with transfers that are over, and that nobody has cleared away. What is done stays while its job lives."""


def store_by_name(session: Session, name: str) -> SecondaryStore | None:
    """Return the store of that name."""
    return session.scalars(select(SecondaryStore).where(SecondaryStore.name == name)).one_or_none()


def stores(session: Session) -> Sequence[SecondaryStore]:
    """Return every store, by name."""
    return session.scalars(select(SecondaryStore).order_by(SecondaryStore.name)).all()


def transfers_through(session: Session, store_id: UUID) -> tuple[int, int]:
    """Return how many transfers a store has known, and how many of them have left something on it."""
    count, uncleared = session.execute(
        select(func.count(), func.count().filter(Transfer.cleared_at.is_(None))).where(Transfer.store_id == store_id)
    ).one()
    return count, uncleared


def transfer_of(session: Session, task_id: UUID) -> Transfer | None:
    """Return the transfer that an outside task is carried out by."""
    return session.scalars(select(Transfer).where(Transfer.task_id == task_id)).one_or_none()


def transfers_of(session: Session, job_id: UUID) -> Sequence[Transfer]:
    """Return a job's transfers, the newest first."""
    return session.scalars(
        select(Transfer).where(Transfer.job_id == job_id).order_by(Transfer.created_at.desc(), Transfer.id)
    ).all()


def newest_done(session: Session, job_id: UUID) -> Transfer | None:
    """Return a job's newest transfer that is done."""
    return next((it for it in transfers_of(session, job_id) if it.phase is TransferPhase.DONE), None)


def files_of(session: Session, transfer_id: UUID) -> Sequence[TransferFile]:
    """Return a transfer's files in order."""
    return session.scalars(
        select(TransferFile).where(TransferFile.transfer_id == transfer_id).order_by(TransferFile.number)
    ).all()


def begun_targets_of(session: Session, job_id: UUID) -> Sequence[TransferFile]:
    """Return the files that a job's failed transfers have perhaps left at their targets."""
    return session.scalars(
        select(TransferFile)
        .join(Transfer, Transfer.id == TransferFile.transfer_id)
        .where(
            Transfer.job_id == job_id,
            Transfer.phase == TransferPhase.FAILED,
            Transfer.cleared_at.is_(None),
            TransferFile.upload_begun,
        )
    ).all()
