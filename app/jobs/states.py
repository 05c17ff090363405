"""The states of a job and the one table of legal moves between them (`docs/state-machine.md` draws it)."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    """Accepted and durable; waits for a worker, for a slot, or for the time of its next attempt."""
    SUBMITTING = "submitting"
    """A worker holds it (lease): checks, choice of strategy, submission to vCenter."""
    RUNNING = "running"
    """vCenter works. Nobody holds the job; the watcher follows its task."""
    VERIFYING = "verifying"
    """vCenter's task ended; a worker (lease) looks where the disks really are."""
    SUCCEEDED = "succeeded"
    """Every disk was read back on its target."""
    FAILED = "failed"
    """It will not be tried again by itself; the error says why and where every disk is."""
    CANCELLED = "cancelled"
    """Somebody asked for it, and vCenter confirmed that it stopped (or never began)."""


LEGAL_MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.SUBMITTING, JobState.FAILED, JobState.CANCELLED}),
    JobState.SUBMITTING: frozenset(
        # back to queued: no slot, or a retry; verifying: the disks are there already
        {JobState.QUEUED, JobState.RUNNING, JobState.VERIFYING, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.RUNNING: frozenset({JobState.VERIFYING}),
    JobState.VERIFYING: frozenset(
        {JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.SUCCEEDED: frozenset(),
    # A manual retry is a new attempt of the same job.
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
}
"""From each state, the states that may follow. Everything else is a bug and is refused."""

TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
LIVE = frozenset(JobState) - TERMINAL
HELD = frozenset({JobState.SUBMITTING, JobState.VERIFYING})
"""States in which a worker holds the job under a lease."""
IN_LINE = frozenset({JobState.QUEUED, JobState.SUBMITTING})
"""States in which a job that waits for a slot has its place: also while a worker tries to take one for it."""
SLOTLESS = TERMINAL | {JobState.QUEUED}
"""States in which a job holds no slot: whatever leads to them frees its slots in the same transaction."""

_CLOUDSTACK_STATUS = {JobState.SUCCEEDED: 1, JobState.FAILED: 2, JobState.CANCELLED: 2}


def is_legal(before: JobState, after: JobState) -> bool:
    """Say whether a job may go from `before` to `after`."""
    return after in LEGAL_MOVES[before]


def cloudstack_status(state: JobState) -> int:
    """Return CloudStack's `jobstatus`: 0 live, 1 succeeded, 2 failed or cancelled.

    A cancelled job is a 2 because most clients wait for ever on a 3 (see docs/cloudstack-api.md).
    """
    return _CLOUDSTACK_STATUS.get(state, 0)


class TaskState(StrEnum):
    """Where the work that an outside system does for a job stands."""

    INTENDED = "intended"
    """Written down, and perhaps submitted: whoever finds it like this looks before submitting again."""
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"
    VANISHED = "vanished"
    """The system no longer knows the task: only looking tells how it ended."""
    ABANDONED = "abandoned"
    """The submission was refused, or looking showed that it never took place."""


SETTLED = frozenset({TaskState.SUCCESS, TaskState.ERROR, TaskState.VANISHED, TaskState.ABANDONED})
