"""Secondary storage: stores, transfers through them, and each transfer's files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "secondary_store",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secondary_store")),
        sa.UniqueConstraint("name", name=op.f("uq_secondary_store_name")),
        sa.UniqueConstraint("path", name=op.f("uq_secondary_store_path")),
    )
    op.create_table(
        "transfer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column(
            "phase",
            sa.Enum("downloading", "uploading", "comparing", "done", "failed", name="transfer_phase"),
            nullable=False,
        ),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("abandoned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waits_for", sa.String(), nullable=True),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("fault_class", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(phase IN ('done', 'failed')) = (finished_at IS NOT NULL)", name=op.f("ck_transfer_finished_when_over")
        ),
        sa.CheckConstraint("(phase = 'failed') = (fault IS NOT NULL)", name=op.f("ck_transfer_failure_has_fault")),
        sa.CheckConstraint(
            "(lease_owner IS NULL) = (lease_expires_at IS NULL)", name=op.f("ck_transfer_lease_is_whole")
        ),
        sa.CheckConstraint("finished_at IS NULL OR lease_owner IS NULL", name=op.f("ck_transfer_leased_while_open")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_transfer_job_id_job"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["store_id"], ["secondary_store.id"], name=op.f("fk_transfer_store_id_secondary_store")
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["outside_task.id"], name=op.f("fk_transfer_task_id_outside_task"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
        sa.UniqueConstraint("task_id", name=op.f("uq_transfer_task_id")),
    )
    op.create_index("ix_transfer_job", "transfer", ["job_id", "created_at"], unique=False)
    op.create_index(
        "ix_transfer_open", "transfer", ["created_at"], unique=False, postgresql_where=sa.text("finished_at IS NULL")
    )
    op.create_index(
        "ix_transfer_uncleared", "transfer", ["job_id"], unique=False, postgresql_where=sa.text("cleared_at IS NULL")
    )
    op.create_table(
        "transfer_file",
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("source", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("target", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("source_version", sa.String(), nullable=True),
        sa.Column(
            "state",
            sa.Enum("waiting", "downloaded", "uploaded", "equal", name="transfer_file_state"),
            nullable=False,
        ),
        sa.Column("downloaded_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("uploaded_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("compared_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("checksum", sa.String(), nullable=True),
        sa.Column("upload_begun", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "state = 'waiting' OR checksum IS NOT NULL", name=op.f("ck_transfer_file_downloaded_has_checksum")
        ),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_transfer_file_size_not_negative")),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["transfer.id"], name=op.f("fk_transfer_file_transfer_id_transfer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("transfer_id", "number", name=op.f("pk_transfer_file")),
    )


def downgrade() -> None:
    op.drop_table("transfer_file")
    op.drop_table("transfer")
    op.drop_table("secondary_store")
    op.execute("DROP TYPE transfer_file_state")
    op.execute("DROP TYPE transfer_phase")
