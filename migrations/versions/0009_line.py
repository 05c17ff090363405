"""The line: zones of jobs, who stands in line, and whose turn it was last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty for the jobs of the release before: they share as if they were in a zone of their own.
    op.add_column("job", sa.Column("zone_id", sa.Uuid(), nullable=True))
    # It gives every job a zero.
    op.create_check_constraint(op.f("ck_job_priority_is_known"), "job", "priority BETWEEN -100 AND 100")
    op.create_index(
        "ix_job_line",
        "job",
        ["waiting_for"],
        postgresql_where=sa.text("state IN ('queued', 'submitting') AND waiting_for IS NOT NULL"),
    )
    op.create_table(
        "slot_turn",
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("zone_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("resource", "zone_id", "account_id", name=op.f("pk_slot_turn")),
    )


def downgrade() -> None:
    op.drop_table("slot_turn")
    op.drop_index("ix_job_line", table_name="job")
    op.drop_constraint(op.f("ck_job_priority_is_known"), "job", type_="check")
    op.drop_column("job", "zone_id")
