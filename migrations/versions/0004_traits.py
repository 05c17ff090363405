"""What checks must know of VMs, disks and pools: traits, formats, First Class Disks, datastore clusters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Columns that the previous release does not write are nullable or have a default; the next sync fills them.
    for table in ("virtual_machine", "volume"):
        op.add_column(
            table,
            sa.Column(
                "traits",
                postgresql.JSONB(astext_type=sa.Text()),
                server_default=sa.text("'{}'::jsonb"),
                nullable=False,
            ),
        )
    op.add_column("volume", sa.Column("format", sa.String(), nullable=True))
    op.add_column("volume", sa.Column("fcd_id", sa.String(), nullable=True))
    op.create_check_constraint(op.f("ck_volume_known_format"), "volume", "format IN ('thin', 'thick', 'eager')")
    op.create_index(
        "ix_volume_fcd",
        "volume",
        ["vcenter_id", "fcd_id"],
        unique=False,
        postgresql_where=sa.text("fcd_id IS NOT NULL"),
    )
    op.add_column("storage_pool", sa.Column("parent_id", sa.Uuid(), nullable=True))
    op.add_column("storage_pool", sa.Column("multiple_host_access", sa.Boolean(), nullable=True))
    op.create_foreign_key(
        op.f("fk_storage_pool_parent_id_storage_pool"),
        "storage_pool",
        "storage_pool",
        ["parent_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(
        "ix_storage_pool_parent",
        "storage_pool",
        ["parent_id"],
        unique=False,
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_storage_pool_parent", table_name="storage_pool")
    op.drop_constraint(op.f("fk_storage_pool_parent_id_storage_pool"), "storage_pool", type_="foreignkey")
    op.drop_column("storage_pool", "multiple_host_access")
    op.drop_column("storage_pool", "parent_id")
    op.drop_index("ix_volume_fcd", table_name="volume")
    op.drop_constraint(op.f("ck_volume_known_format"), "volume", type_="check")
    for column in ("fcd_id", "format", "traits"):
        op.drop_column("volume", column)
    op.drop_column("virtual_machine", "traits")
