"""Stopping: deadlines, cancels, and what became of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LIVE = "state IN ('queued', 'running', 'submitting', 'verifying')"


def upgrade() -> None:
    # All may be empty: a job that the release before accepts has the default deadline from its first task on, and none
    # while only workers of that release look at it.
    op.add_column("job", sa.Column("timeout_seconds", sa.Integer(), nullable=True))
    op.add_column("job", sa.Column("work_began_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("job", sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("job", sa.Column("stop_wish", sa.String(), nullable=True))
    op.add_column("job", sa.Column("stop_wished_by", sa.String(), nullable=True))
    op.add_column("job", sa.Column("stop_wished_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_job_stop_wish_is_known"), "job", "stop_wish IN ('cancel', 'deadline')")
    op.create_check_constraint(
        op.f("ck_job_stop_wish_is_whole"),
        "job",
        "(stop_wish IS NULL) = (stop_wished_at IS NULL) AND (stop_wish IS NULL) = (stop_wished_by IS NULL)",
    )
    op.create_index(
        "ix_job_deadline", "job", ["deadline_at"], postgresql_where=sa.text(f"{LIVE} AND stop_wish IS NULL")
    )
    op.create_index(
        "ix_job_stopping", "job", ["id"], postgresql_where=sa.text("state = 'running' AND stop_wish IS NOT NULL")
    )
    op.add_column("outside_task", sa.Column("stop_asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("outside_task", sa.Column("stop_refused", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("outside_task", "stop_refused")
    op.drop_column("outside_task", "stop_asked_at")
    op.drop_index("ix_job_stopping", table_name="job")
    op.drop_index("ix_job_deadline", table_name="job")
    op.drop_constraint(op.f("ck_job_stop_wish_is_whole"), "job", type_="check")
    op.drop_constraint(op.f("ck_job_stop_wish_is_known"), "job", type_="check")
    for column in ("stop_wished_at", "stop_wished_by", "stop_wish", "deadline_at", "work_began_at", "timeout_seconds"):
        op.drop_column("job", column)
