"""Indexes for lists of many jobs, and for forgetting old ones; made while jobs run, without keeping anybody waiting."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INDEXES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "ix_job_state": (["state", "created_at", "id"], {}),
    "ix_job_account": (["account_id", "state", "created_at", "id"], {}),
    "ix_job_kind": (
        ["resource_type", "command", "state", "created_at", "id"],
        {"postgresql_include": ["account_id"]},
    ),
    "ix_job_finished": (["finished_at", "id"], {"postgresql_where": sa.text("finished_at IS NOT NULL")}),
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # It waits for whoever is at work on the table, nobody waits for it: it may take its time.
        op.execute("SET lock_timeout = '15min'")
        for name, (columns, options) in INDEXES.items():
            # One that was broken off stays, and serves nobody.
            op.drop_index(name, table_name="job", if_exists=True, postgresql_concurrently=True)
            op.create_index(name, "job", columns, postgresql_concurrently=True, **options)
        op.execute("SET lock_timeout = '5s'")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.drop_index(name, table_name="job", postgresql_concurrently=True)
