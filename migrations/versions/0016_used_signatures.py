"""Signatures that were used: a signed request that expires changes something once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "used_signature",
        sa.Column("signature_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("signature_hash", name=op.f("pk_used_signature")),
    )
    op.create_index("ix_used_signature_expires_at", "used_signature", ["expires_at"])


def downgrade() -> None:
    op.drop_table("used_signature")
