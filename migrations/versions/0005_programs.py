"""Programs: the commands of an attempt; and vCenters that are not to move anything by themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The release before writes neither: its attempts are programs of one command, its vCenters move things themselves.
    op.add_column("job_attempt", sa.Column("program", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("vcenter", sa.Column("native_motion", sa.Boolean(), server_default=sa.text("true"), nullable=False))


def downgrade() -> None:
    op.drop_column("vcenter", "native_motion")
    op.drop_column("job_attempt", "program")
