"""History: what attempts have moved, and which worker VMs a vCenter has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty for attempts of the release before: nobody has counted then.
    op.add_column("job_attempt", sa.Column("bytes", sa.BigInteger(), nullable=True))
    op.create_check_constraint(op.f("ck_job_attempt_bytes_not_negative"), "job_attempt", "bytes >= 0")
    # Empty until somebody has looked: until then no job is forgotten that had a worker VM.
    op.add_column("vcenter", sa.Column("workers_listed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "vcenter",
        sa.Column("workers_of_jobs", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("vcenter", "workers_of_jobs")
    op.drop_column("vcenter", "workers_listed_at")
    op.drop_constraint(op.f("ck_job_attempt_bytes_not_negative"), "job_attempt", type_="check")
    op.drop_column("job_attempt", "bytes")
