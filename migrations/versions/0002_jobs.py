"""Jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued", "submitting", "running", "verifying", "succeeded", "failed", "cancelled", name="job_state"
            ),
            nullable=False,
        ),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("resource_type", sa.String(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("system_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("payload", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("phase", sa.String(), server_default="", nullable=False),
        sa.Column("progress", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("result", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("error_text", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("rung_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_for", sa.String(), nullable=True),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state IN ('cancelled', 'failed', 'succeeded')) = (finished_at IS NOT NULL)",
            name=op.f("ck_job_finished_when_terminal"),
        ),
        sa.CheckConstraint(
            "(state IN ('submitting', 'verifying')) = (lease_owner IS NOT NULL)", name=op.f("ck_job_leased_while_held")
        ),
        sa.CheckConstraint("state <> 'succeeded' OR result IS NOT NULL", name=op.f("ck_job_success_has_result")),
        sa.CheckConstraint(
            "state NOT IN ('failed', 'cancelled') OR (error_code IS NOT NULL AND error_text IS NOT NULL)",
            name=op.f("ck_job_failure_has_reason"),
        ),
        sa.CheckConstraint("(lease_owner IS NULL) = (lease_expires_at IS NULL)", name=op.f("ck_job_lease_is_whole")),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_job_progress_is_percent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index("ix_job_created", "job", ["created_at", "id"], unique=False)
    op.create_index("ix_job_due", "job", ["next_run_at"], unique=False, postgresql_where=sa.text("state = 'queued'"))
    op.create_index(
        "ix_job_lease",
        "job",
        ["lease_expires_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('submitting', 'verifying')"),
    )
    op.create_index("ix_job_resource", "job", ["resource_type", "resource_id", "created_at"], unique=False)
    op.create_index("ix_job_running", "job", ["system_id"], unique=False, postgresql_where=sa.text("state = 'running'"))
    op.create_index(
        "uq_job_live_subject",
        "job",
        ["subject"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running', 'submitting', 'verifying')"),
    )
    op.create_table(
        "watch_lease",
        sa.Column("system_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("system_id", name=op.f("pk_watch_lease")),
    )
    op.create_table(
        "job_attempt",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("previous_number", sa.Integer(), sa.Computed("NULLIF(number, 1) - 1", persisted=True), nullable=True),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("fault_class", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name=op.f("ck_job_attempt_ended_with_outcome")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_job_attempt_numbered_from_one")),
        sa.ForeignKeyConstraint(
            ["job_id", "previous_number"], ["job_attempt.job_id", "job_attempt.number"], name="fk_job_attempt_previous"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_attempt_job_id_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_job_attempt")),
    )
    op.create_index(
        "uq_job_attempt_open", "job_attempt", ["job_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "job_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("from_state", sa.String(), nullable=True),
        sa.Column("to_state", sa.String(), nullable=True),
        sa.Column(
            "detail",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_event_job_id_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_event")),
    )
    op.create_index("ix_job_event_job", "job_event", ["job_id", "id"], unique=False)
    op.create_table(
        "outside_task",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.SmallInteger(), nullable=False),
        sa.Column("system_id", sa.Uuid(), nullable=False),
        sa.Column("command", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum("intended", "queued", "running", "success", "error", "vanished", "abandoned", name="task_state"),
            nullable=False,
        ),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("adopted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("progress", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("fault_class", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("intended_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state NOT IN ('abandoned', 'error', 'success', 'vanished')) = (settled_at IS NULL)",
            name=op.f("ck_outside_task_settled_when_over"),
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_outside_task_progress_is_percent")),
        sa.ForeignKeyConstraint(
            ["job_id", "attempt"],
            ["job_attempt.job_id", "job_attempt.number"],
            name="fk_outside_task_attempt",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_task")),
        sa.UniqueConstraint("job_id", "attempt", "sequence", name=op.f("uq_outside_task_job_id_attempt_sequence")),
    )
    op.create_index(
        "ix_outside_task_followed",
        "outside_task",
        ["system_id"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL AND reference IS NOT NULL"),
    )
    op.create_index(
        "uq_outside_task_open", "outside_task", ["job_id"], unique=True, postgresql_where=sa.text("settled_at IS NULL")
    )


def downgrade() -> None:
    op.drop_table("outside_task")
    op.drop_table("job_event")
    op.drop_table("job_attempt")
    op.drop_table("watch_lease")
    op.drop_table("job")
    # Types of their own: no table takes them along when it goes.
    op.execute("DROP TYPE task_state")
    op.execute("DROP TYPE job_state")
