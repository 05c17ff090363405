"""Access and inventory."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.String(), server_default="admin", nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('admin', 'operator', 'read-only')", name=op.f("ck_api_key_known_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key", name=op.f("uq_api_key_key")),
        sa.UniqueConstraint("name", name=op.f("uq_api_key_name")),
    )
    op.create_table(
        "disk_offering",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("display_text", sa.String(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disk_offering")),
        sa.UniqueConstraint("name", name=op.f("uq_disk_offering_name")),
    )
    op.create_table(
        "vcenter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("password_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("thumbprint", sa.String(), nullable=True),
        sa.Column("insecure", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("instance_uuid", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_sync_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sync_error", sa.String(), nullable=True),
        sa.CheckConstraint("NOT (insecure AND thumbprint IS NOT NULL)", name=op.f("ck_vcenter_pinned_or_insecure")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vcenter")),
        sa.UniqueConstraint("name", name=op.f("uq_vcenter_name")),
    )
    op.create_table(
        "zone",
        sa.Column("moref", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("vcenter_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["vcenter_id"], ["vcenter.id"], name=op.f("fk_zone_vcenter_id_vcenter"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zone")),
        sa.UniqueConstraint("vcenter_id", "moref", name=op.f("uq_zone_vcenter_id_moref")),
    )
    op.create_table(
        "cluster",
        sa.Column("moref", sa.String(), nullable=False),
        sa.Column("zone_id", sa.Uuid(), nullable=False),
        sa.Column("standalone", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("vcenter_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["vcenter_id"], ["vcenter.id"], name=op.f("fk_cluster_vcenter_id_vcenter"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_cluster_zone_id_zone"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cluster")),
        sa.UniqueConstraint("vcenter_id", "moref", name=op.f("uq_cluster_vcenter_id_moref")),
    )
    op.create_table(
        "storage_pool",
        sa.Column("moref", sa.String(), nullable=False),
        sa.Column("zone_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("capacity_bytes", sa.BigInteger(), nullable=False),
        sa.Column("free_bytes", sa.BigInteger(), nullable=False),
        sa.Column("uncommitted_bytes", sa.BigInteger(), nullable=False),
        sa.Column("accessible", sa.Boolean(), nullable=False),
        sa.Column("maintenance_mode", sa.String(), nullable=False),
        sa.Column("vsphere_tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("own_tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("vcenter_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("scope IN ('HOST', 'CLUSTER', 'ZONE')", name=op.f("ck_storage_pool_known_scope")),
        sa.ForeignKeyConstraint(
            ["vcenter_id"], ["vcenter.id"], name=op.f("fk_storage_pool_vcenter_id_vcenter"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["zone_id"], ["zone.id"], name=op.f("fk_storage_pool_zone_id_zone"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_storage_pool")),
        sa.UniqueConstraint("vcenter_id", "moref", name=op.f("uq_storage_pool_vcenter_id_moref")),
    )
    op.create_table(
        "host",
        sa.Column("moref", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("in_maintenance", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("vcenter_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_host_cluster_id_cluster"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["vcenter_id"], ["vcenter.id"], name=op.f("fk_host_vcenter_id_vcenter"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_host")),
        sa.UniqueConstraint("vcenter_id", "moref", name=op.f("uq_host_vcenter_id_moref")),
    )
    op.create_table(
        "storage_pool_mount",
        sa.Column("pool_id", sa.Uuid(), nullable=False),
        sa.Column("host_id", sa.Uuid(), nullable=False),
        sa.Column("mounted", sa.Boolean(), nullable=False),
        sa.Column("accessible", sa.Boolean(), nullable=False),
        sa.Column("writable", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["host_id"], ["host.id"], name=op.f("fk_storage_pool_mount_host_id_host"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pool_id"],
            ["storage_pool.id"],
            name=op.f("fk_storage_pool_mount_pool_id_storage_pool"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("pool_id", "host_id", name=op.f("pk_storage_pool_mount")),
    )
    op.create_table(
        "virtual_machine",
        sa.Column("moref", sa.String(), nullable=False),
        sa.Column("instance_uuid", sa.String(), nullable=True),
        sa.Column("zone_id", sa.Uuid(), nullable=False),
        sa.Column("cluster_id", sa.Uuid(), nullable=True),
        sa.Column("host_id", sa.Uuid(), nullable=True),
        sa.Column("home_pool_id", sa.Uuid(), nullable=True),
        sa.Column("power_state", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("is_template", sa.Boolean(), nullable=False),
        sa.Column("guest_id", sa.String(), server_default="", nullable=False),
        sa.Column("cpu_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("memory_mib", sa.Integer(), server_default="0", nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("vcenter_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_virtual_machine_cluster_id_cluster"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["home_pool_id"],
            ["storage_pool.id"],
            name=op.f("fk_virtual_machine_home_pool_id_storage_pool"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["host_id"], ["host.id"], name=op.f("fk_virtual_machine_host_id_host"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["vcenter_id"], ["vcenter.id"], name=op.f("fk_virtual_machine_vcenter_id_vcenter"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["zone_id"], ["zone.id"], name=op.f("fk_virtual_machine_zone_id_zone"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_virtual_machine")),
    )
    op.create_index(
        "ix_virtual_machine_instance_uuid", "virtual_machine", ["vcenter_id", "instance_uuid"], unique=False
    )
    op.create_index(
        "uq_virtual_machine_moref",
        "virtual_machine",
        ["vcenter_id", "moref"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "volume",
        sa.Column("zone_id", sa.Uuid(), nullable=False),
        sa.Column("pool_id", sa.Uuid(), nullable=False),
        sa.Column("vm_id", sa.Uuid(), nullable=True),
        sa.Column("device_key", sa.Integer(), nullable=True),
        sa.Column("unit_number", sa.Integer(), nullable=True),
        sa.Column("disk_uuid", sa.String(), nullable=True),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("capacity_bytes", sa.BigInteger(), nullable=False),
        sa.Column("physical_bytes", sa.BigInteger(), nullable=True),
        sa.Column("thin", sa.Boolean(), nullable=True),
        sa.Column("moving_to", sa.String(), nullable=True),
        sa.Column("moved_by", sa.Uuid(), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("disk_offering_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("vcenter_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(moving_to IS NULL) = (moved_by IS NULL)", name=op.f("ck_volume_moving_has_job")),
        sa.CheckConstraint("(vm_id IS NULL) = (device_key IS NULL)", name=op.f("ck_volume_attached_has_device")),
        sa.ForeignKeyConstraint(
            ["disk_offering_id"],
            ["disk_offering.id"],
            name=op.f("fk_volume_disk_offering_id_disk_offering"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["storage_pool.id"], name=op.f("fk_volume_pool_id_storage_pool"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["vcenter_id"], ["vcenter.id"], name=op.f("fk_volume_vcenter_id_vcenter"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["vm_id"], ["virtual_machine.id"], name=op.f("fk_volume_vm_id_virtual_machine"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_volume_zone_id_zone"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_volume")),
    )
    op.create_index("ix_volume_disk_uuid", "volume", ["vcenter_id", "disk_uuid"], unique=False)
    op.create_index(
        "ix_volume_moved_by", "volume", ["moved_by"], unique=False, postgresql_where=sa.text("moved_by IS NOT NULL")
    )
    op.create_index(
        "ix_volume_pool", "volume", ["pool_id"], unique=False, postgresql_where=sa.text("removed_at IS NULL")
    )
    op.create_index(
        "uq_volume_device",
        "volume",
        ["vm_id", "device_key"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_index(
        "uq_volume_path",
        "volume",
        ["pool_id", "path"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL AND vm_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("volume")
    op.drop_table("virtual_machine")
    op.drop_table("storage_pool_mount")
    op.drop_table("host")
    op.drop_table("storage_pool")
    op.drop_table("cluster")
    op.drop_table("zone")
    op.drop_table("vcenter")
    op.drop_table("disk_offering")
    op.drop_table("api_key")
