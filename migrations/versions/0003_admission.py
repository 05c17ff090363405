"""Admission: slots and reserved space."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slot",
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_slot_job_id_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("resource", "job_id", name=op.f("pk_slot")),
    )
    op.create_index("ix_slot_job", "slot", ["job_id"], unique=False)
    op.create_table(
        "space_reservation",
        sa.Column("pool_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("bytes >= 0", name=op.f("ck_space_reservation_not_negative")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["job.id"], name=op.f("fk_space_reservation_job_id_job"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["storage_pool.id"], name=op.f("fk_space_reservation_pool_id_storage_pool"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pool_id", "job_id", name=op.f("pk_space_reservation")),
    )
    op.create_index("ix_space_reservation_job", "space_reservation", ["job_id"], unique=False)


def downgrade() -> None:
    op.drop_table("space_reservation")
    op.drop_table("slot")
