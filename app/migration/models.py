"""The tables of admission: slots taken and space reserved by jobs that have been submitted and are not over."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Slot(Base):
    """The right of a job to have one relocation running on a vCenter, a host, or a pool."""

    __tablename__ = "slot"
    __table_args__ = (Index("ix_slot_job", "job_id"),)

    resource: Mapped[str] = mapped_column(primary_key=True)
    """`vcenter:<id>`, `host:<id>`, `source-pool:<id>`, `target-pool:<id>`."""
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SpaceReservation(Base):
    """Bytes of a pool that a running job is going to fill."""

    __tablename__ = "space_reservation"
    __table_args__ = (
        CheckConstraint("bytes >= 0", name="not_negative"),
        Index("ix_space_reservation_job", "job_id"),
    )

    pool_id: Mapped[UUID] = mapped_column(ForeignKey("storage_pool.id", ondelete="CASCADE"), primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
