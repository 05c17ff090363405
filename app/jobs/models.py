"""The tables of the job: the job itself, its attempts, the outside tasks it follows, its history, the watchers' leases.

The invariants live here: one live job an entity, attempts numbered without gaps, one open outside task a job,
a lease exactly while a worker holds the job, a finished job with its time and its outcome. So do the slots that jobs
hold of what only so many may use at once, and whose turn it was last.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json
from app.jobs.priority import MOST_PRIORITY
from app.jobs.states import HELD, IN_LINE, LIVE, SETTLED, TERMINAL, JobState, TaskState
from app.visibility import keep_to_zones, visible


def _values(states: type[StrEnum]) -> list[str]:
    """Store an enum's values, not its Python names."""
    return [state.value for state in states]


def _among(states: frozenset[JobState] | frozenset[TaskState]) -> str:
    """Return a SQL list of `states`."""
    return ", ".join(f"'{state.value}'" for state in sorted(states))


LIVE_SQL = f"state IN ({_among(LIVE)})"
TERMINAL_SQL = f"state IN ({_among(TERMINAL)})"
HELD_SQL = f"state IN ({_among(HELD)})"
IN_LINE_SQL = f"state IN ({_among(IN_LINE)}) AND waiting_for IS NOT NULL"
OPEN_TASK_SQL = f"state NOT IN ({_among(SETTLED)})"


class Job(Base):
    """One asynchronous call: who asked for what, where it stands, how it ended."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint(f"({TERMINAL_SQL}) = (finished_at IS NOT NULL)", name="finished_when_terminal"),
        CheckConstraint(f"({HELD_SQL}) = (lease_owner IS NOT NULL)", name="leased_while_held"),
        CheckConstraint("(lease_owner IS NULL) = (lease_expires_at IS NULL)", name="lease_is_whole"),
        CheckConstraint("state <> 'succeeded' OR result IS NOT NULL", name="success_has_result"),
        CheckConstraint(
            "state NOT IN ('failed', 'cancelled') OR (error_code IS NOT NULL AND error_text IS NOT NULL)",
            name="failure_has_reason",
        ),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress_is_percent"),
        CheckConstraint(f"priority BETWEEN -{MOST_PRIORITY} AND {MOST_PRIORITY}", name="priority_is_known"),
        CheckConstraint("stop_wish IN ('cancel', 'deadline')", name="stop_wish_is_known"),
        CheckConstraint(
            "(stop_wish IS NULL) = (stop_wished_at IS NULL) AND (stop_wish IS NULL) = (stop_wished_by IS NULL)",
            name="stop_wish_is_whole",
        ),
        Index("uq_job_live_subject", "subject", unique=True, postgresql_where=text(LIVE_SQL)),
        # What the sweep asks, every few seconds: none of it grows with the number of finished jobs.
        Index("ix_job_due", "next_run_at", postgresql_where=text("state = 'queued'")),
        Index("ix_job_lease", "lease_expires_at", postgresql_where=text(HELD_SQL)),
        Index("ix_job_running", "system_id", postgresql_where=text("state = 'running'")),
        Index("ix_job_deadline", "deadline_at", postgresql_where=text(f"{LIVE_SQL} AND stop_wish IS NULL")),
        Index("ix_job_line", "waiting_for", postgresql_where=text(IN_LINE_SQL)),
        Index("ix_job_stopping", "id", postgresql_where=text("state = 'running' AND stop_wish IS NOT NULL")),
        Index("ix_job_created", "created_at", "id"),
        Index("ix_job_resource", "resource_type", "resource_id", "created_at"),
        # What lists are asked for: each in the order in which jobs are listed.
        Index("ix_job_state", "state", "created_at", "id"),
        Index("ix_job_account", "account_id", "state", "created_at", "id"),
        Index(
            "ix_job_kind",
            *("resource_type", "command", "state", "created_at", "id"),
            postgresql_include=["account_id"],  # both together are looked up in it alone
        ),
        Index("ix_job_finished", "finished_at", "id", postgresql_where=text("finished_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    """The id that the client polls; the client may have chosen it."""
    command: Mapped[str]
    """CloudStack's name of the call: `migrateVolume`."""
    state: Mapped[JobState] = mapped_column(
        Enum(JobState, name="job_state", values_callable=_values), default=JobState.QUEUED
    )
    subject: Mapped[str]
    """What is worked on, `vm:<id>` or `volume:<id>`: one live job each."""
    resource_type: Mapped[str]
    """What the client asked about (`jobinstancetype`): `Volume`, `VirtualMachine`."""
    resource_id: Mapped[UUID]
    system_id: Mapped[UUID]
    """The outside system that does the work: a vCenter."""
    zone_id: Mapped[UUID | None]
    """Where the work is done: zones share what they contend for, and in each of them its accounts. None: not told."""
    account_id: Mapped[UUID]
    user_id: Mapped[UUID]
    payload: Mapped[Json]
    """What was asked, as the command's own request type wrote it."""
    priority: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    """Higher goes first in every line; from -100 to 100."""
    phase: Mapped[str] = mapped_column(default="", server_default="")
    """What is going on, for people: `relocating`, `waiting for a slot`."""
    progress: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    """Percent."""
    result: Mapped[Json | None]
    error_code: Mapped[int | None]
    error_text: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=0, server_default="0")
    """Number of the newest attempt; 0 before the first."""
    max_attempts: Mapped[int]
    next_run_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """A queued job is due from then on."""
    rung_at: Mapped[datetime | None]
    """When a sweep last rang for it; keeps N sweepers from ringing N times."""
    waiting_for: Mapped[str | None]
    """What a queued job stands in line for a slot of; it keeps its place while a worker tries to take one for it."""
    timeout_seconds: Mapped[int | None]
    """How long the outside system may work on it; None: as long as the setting says."""
    work_began_at: Mapped[datetime | None]
    """When the outside system first began to work on it."""
    deadline_at: Mapped[datetime | None]
    """Until the work begins: when the waiting is given up. From then on: when the work is asked to stop."""
    stop_wish: Mapped[str | None]
    """Why it is to stop, `cancel` or `deadline`; a success that wins the race is a success all the same."""
    stop_wished_by: Mapped[str | None]
    """`user:<id>`, or the name of the worker that saw the deadline pass."""
    stop_wished_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Grows with every claim; a write that carries an old fence changes nothing."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Attempt(Base):
    """One try at a job's work."""

    __tablename__ = "job_attempt"
    __table_args__ = (
        # No gaps: an attempt can only follow the one before it.
        ForeignKeyConstraint(
            ["job_id", "previous_number"], ["job_attempt.job_id", "job_attempt.number"], name="fk_job_attempt_previous"
        ),
        CheckConstraint("number >= 1", name="numbered_from_one"),
        CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_with_outcome"),
        CheckConstraint("bytes >= 0", name="bytes_not_negative"),
        Index("uq_job_attempt_open", "job_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    previous_number: Mapped[int | None] = mapped_column(Computed("NULLIF(number, 1) - 1", persisted=True))
    worker: Mapped[str]
    """The worker that began it."""
    strategy: Mapped[str | None]
    program: Mapped[Json | None]
    """The commands of the strategy, one after the other, as it wrote them down before the first was asked for."""
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """`succeeded`, `retried`, `failed`, `cancelled`."""
    fault: Mapped[str | None]
    """Name of the fault that ended it, as vSphere calls it."""
    fault_class: Mapped[str | None]
    message: Mapped[str | None]
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    """What it has brought to where it was to go; `None` where nobody knows."""


class OutsideTask(Base):
    """Work that an outside system does for an attempt; the row is written before the call is made (law 3)."""

    __tablename__ = "outside_task"
    __table_args__ = (
        ForeignKeyConstraint(
            ["job_id", "attempt"],
            ["job_attempt.job_id", "job_attempt.number"],
            name="fk_outside_task_attempt",
            ondelete="CASCADE",
        ),
        UniqueConstraint("job_id", "attempt", "sequence"),
        CheckConstraint(f"({OPEN_TASK_SQL}) = (settled_at IS NULL)", name="settled_when_over"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress_is_percent"),
        Index("uq_outside_task_open", "job_id", unique=True, postgresql_where=text("settled_at IS NULL")),
        Index(
            "ix_outside_task_followed",
            "system_id",
            postgresql_where=text("settled_at IS NULL AND reference IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    job_id: Mapped[UUID]
    attempt: Mapped[int]
    sequence: Mapped[int] = mapped_column(SmallInteger)
    """Position among the attempt's commands, from 0."""
    system_id: Mapped[UUID]
    command: Mapped[Json]
    """What is asked for: enough to look, to adopt, or to submit it again.

    `doing` says for people what goes on meanwhile, and `copies` whether its progress is the job's.
    """
    state: Mapped[TaskState] = mapped_column(
        Enum(TaskState, name="task_state", values_callable=_values), default=TaskState.INTENDED
    )
    reference: Mapped[str | None]
    """The outside system's own name of the task: `task-4711`."""
    adopted: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Found running instead of being submitted: probably, not surely, this job's own."""
    progress: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    fault: Mapped[str | None]
    fault_class: Mapped[str | None]
    message: Mapped[str | None]
    intended_at: Mapped[datetime] = mapped_column(server_default=func.now())
    submitted_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    stop_asked_at: Mapped[datetime | None]
    """When the outside system was last asked to stop it."""
    stop_refused: Mapped[str | None]
    """Why it cannot be stopped, as the outside system says."""


class JobEvent(Base):
    """One line of a job's history: who did what, and from which state to which."""

    __tablename__ = "job_event"
    __table_args__ = (Index("ix_job_event_job", "job_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str]
    """`user:<id>`, or the worker's name."""
    kind: Mapped[str]
    """`accepted`, `claimed`, `submitted`, `settled`, `retried`, `waiting`, `finished`, …"""
    from_state: Mapped[str | None]
    to_state: Mapped[str | None]
    detail: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))


class WatchLease(Base):
    """Which worker watches an outside system: one at a time, by lease and fence."""

    __tablename__ = "watch_lease"

    system_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner: Mapped[str]
    expires_at: Mapped[datetime]
    fence: Mapped[int] = mapped_column(BigInteger, default=1, server_default="1")


class Slot(Base):
    """The right of a job to use something of which only so many jobs may have one at once."""

    __tablename__ = "slot"
    __table_args__ = (Index("ix_slot_job", "job_id"),)

    resource: Mapped[str] = mapped_column(primary_key=True)
    """Its kind and its id: `vcenter:<id>`."""
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SlotTurn(Base):
    """When an account last got a slot in a zone: of those who hold equally many, whose turn is longest ago is next.

    Slots are gone with their jobs. Without this, who has few of them would look the same whether served or not.
    """

    __tablename__ = "slot_turn"

    resource: Mapped[str] = mapped_column(primary_key=True)
    zone_id: Mapped[UUID] = mapped_column(primary_key=True)
    """All zero for jobs without a zone."""
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime]


keep_to_zones(Job, lambda table: visible(table.zone_id))
