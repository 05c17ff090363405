"""The table of admission: space reserved by jobs that have been submitted and are not over."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


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
