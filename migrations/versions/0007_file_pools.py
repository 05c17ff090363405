"""File pools: systems whose storage is folders that every worker has mounted, as KVM hosts use them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The release before knows vCenters alone; it would try to log in to such a system, and note that it cannot.
    op.add_column("vcenter", sa.Column("hypervisor", sa.String(), server_default=sa.text("'VMware'"), nullable=False))
    op.add_column("vcenter", sa.Column("file_pools", postgresql.JSONB(none_as_null=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_vcenter_file_pools_where_no_vcenter"), "vcenter", "(hypervisor = 'VMware') = (file_pools IS NULL)"
    )


def downgrade() -> None:
    op.execute("DELETE FROM vcenter WHERE hypervisor <> 'VMware'")
    op.drop_constraint(op.f("ck_vcenter_file_pools_where_no_vcenter"), "vcenter", type_="check")
    op.drop_column("vcenter", "file_pools")
    op.drop_column("vcenter", "hypervisor")
