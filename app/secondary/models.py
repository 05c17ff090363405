"""The tables of secondary storage: the stores, the transfers that lead through them, and each transfer's files.

A transfer is what one outside task does; the job, its lease and its fence stay with `app.jobs`. A transfer has a lease
and a fence of its own: whoever carries it need not hold the job, which may run for hours.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Enum, ForeignKey, Index, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json


class TransferPhase(StrEnum):
    """Where a transfer stands."""

    DOWNLOADING = "downloading"
    """From the sources to secondary storage."""
    UPLOADING = "uploading"
    """From secondary storage to the targets."""
    COMPARING = "comparing"
    """Every target is read back, and compared with what was read from its source."""
    DONE = "done"
    """Every file's checksums agree, and no source has changed meanwhile."""
    FAILED = "failed"


class FileState(StrEnum):
    """How far one file of a transfer is."""

    WAITING = "waiting"
    DOWNLOADED = "downloaded"
    UPLOADED = "uploaded"
    EQUAL = "equal"
    """Read back from its target, and found to be what was read from its source."""


def _values(states: type[StrEnum]) -> list[str]:
    """Store an enum's values, not its Python names."""
    return [state.value for state in states]


class SecondaryStore(Base):
    """A folder that every worker has mounted under the same path: an NFS export, say."""

    __tablename__ = "secondary_store"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(unique=True)
    path: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Transfer(Base):
    """Some files on their way through a store, for one outside task of a job."""

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint("(phase IN ('done', 'failed')) = (finished_at IS NOT NULL)", name="finished_when_over"),
        CheckConstraint("(phase = 'failed') = (fault IS NOT NULL)", name="failure_has_fault"),
        CheckConstraint("(lease_owner IS NULL) = (lease_expires_at IS NULL)", name="lease_is_whole"),
        CheckConstraint("finished_at IS NULL OR lease_owner IS NULL", name="leased_while_open"),
        # What each worker asks every second: none of it grows with the number of finished transfers.
        Index("ix_transfer_open", "created_at", postgresql_where=text("finished_at IS NULL")),
        Index("ix_transfer_uncleared", "job_id", postgresql_where=text("cleared_at IS NULL")),
        Index("ix_transfer_job", "job_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"))
    task_id: Mapped[UUID] = mapped_column(ForeignKey("outside_task.id", ondelete="CASCADE"), unique=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("secondary_store.id"))
    phase: Mapped[TransferPhase] = mapped_column(
        Enum(TransferPhase, name="transfer_phase", values_callable=_values), default=TransferPhase.DOWNLOADING
    )
    lease_owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Grows with every carrier that takes it; a write that carries an old fence changes nothing."""
    abandoned_at: Mapped[datetime | None]
    """Somebody asked for it to stop."""
    waits_for: Mapped[str | None]
    """What a carrier waits for just now, in an operator's words: a vCenter that does not answer."""
    fault: Mapped[str | None]
    fault_class: Mapped[str | None]
    message: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]
    """Nothing of it is left on the store; of a failed one, nothing on the targets either."""


class TransferFile(Base):
    """One file of a transfer."""

    __tablename__ = "transfer_file"
    __table_args__ = (
        CheckConstraint("state = 'waiting' OR checksum IS NOT NULL", name="downloaded_has_checksum"),
        CheckConstraint("size_bytes >= 0", name="size_not_negative"),
    )

    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfer.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """From 0, in the order in which they were given."""
    source: Mapped[Json]
    target: Mapped[Json]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    source_version: Mapped[str | None]
    """What the source's place says of its content's age (an ETag, a time); `None` before it was looked at."""
    state: Mapped[FileState] = mapped_column(
        Enum(FileState, name="transfer_file_state", values_callable=_values), default=FileState.WAITING
    )
    downloaded_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    uploaded_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    compared_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    checksum: Mapped[str | None]
    """SHA-256, in hex, of the SHA-256 of each chunk in order (`app.secondary.checksums`)."""
    upload_begun: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Written down before the first byte: from then on a file at the target is ours, and may be written over."""
