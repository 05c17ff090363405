"""Keys can be limited to zones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The previous release knows nothing of it, and makes keys that see everything, as it always did.
    op.add_column("api_key", sa.Column("zone_ids", sa.ARRAY(sa.Uuid()), nullable=True))


def downgrade() -> None:
    # Without the column such a key would see everything: it is revoked instead.
    op.execute("UPDATE api_key SET revoked_at = now() WHERE zone_ids IS NOT NULL AND revoked_at IS NULL")
    op.drop_column("api_key", "zone_ids")
