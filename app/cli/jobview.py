"""A job as the API shows it: what `queryAsyncJobResult` answers, with types.

The keys beyond CloudStack's (state, phase, progress, attempts) are vrelocate's own. Without them, as another
CloudStack would answer, a job is `running` until it is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

_PENDING, _SUCCEEDED = 0, 1
_STATE_OF_STATUS = {0: "running", 1: "succeeded"}


@dataclass(frozen=True)
class JobView:
    """One look at a job."""

    id: str
    command: str
    state: str
    """`queued`, `submitting`, `running`, `verifying`, `succeeded`, `failed` or `cancelled`."""
    status: int
    """CloudStack's `jobstatus`."""
    phase: str
    progress: int
    """Percent."""
    attempt: int
    max_attempts: int
    waiting_for: str
    """The slot that a queued job waits for, or empty."""
    place: int | None
    """Its place in the line for that slot, from 1."""
    priority: int
    next_run_at: datetime | None
    instance_id: str
    """Id of the VM or volume that is migrated."""
    error_code: int | None
    error_text: str
    result: dict[str, Any] = field(default_factory=dict)
    """The VM or volume after a success."""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)
    """The API's own object, for `--json`."""

    @property
    def over(self) -> bool:
        """Say whether the job has ended."""
        return self.status != _PENDING

    @property
    def succeeded(self) -> bool:
        """Say whether it ended well."""
        return self.status == _SUCCEEDED

    @property
    def disks(self) -> list[dict[str, Any]]:
        """What was moved: `volume_id`, `name`, `from`, `to`, `bytes`, `seconds`, `verified` of each disk."""
        disks: list[dict[str, Any]] = self.result.get("migrateddisks", [])
        return disks

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> Self:
        """Read the content of a `queryAsyncJobResult` response, or one job of `listAsyncJobs`."""
        status = int(raw.get("jobstatus", _PENDING))
        outcome = raw.get("jobresult") or {}
        failed = status not in {_PENDING, _SUCCEEDED}
        entity = next((value for value in outcome.values() if isinstance(value, dict)), {})
        return cls(
            id=str(raw["jobid"]),
            command=str(raw.get("cmd", "")).rsplit(".", 1)[-1],
            state=str(raw.get("state") or _STATE_OF_STATUS.get(status, "failed")),
            status=status,
            phase=str(raw.get("phase") or ""),
            progress=int(raw.get("progress") or 0),
            attempt=int(raw.get("attempt") or 0),
            max_attempts=int(raw.get("maxattempts") or 0),
            waiting_for=str(raw.get("waitingfor") or ""),
            place=int(raw["placeinline"]) if raw.get("placeinline") else None,
            priority=int(raw.get("priority") or 0),
            next_run_at=parse_time(raw.get("nextrunat")),
            instance_id=str(raw.get("jobinstanceid") or ""),
            error_code=int(outcome.get("errorcode", raw.get("jobresultcode") or 0)) if failed else None,
            error_text=str(outcome.get("errortext", "no reason was given")) if failed else "",
            result={} if failed else entity,
            raw=raw,
        )

    def doing(self) -> str:
        """Return in a few words what goes on: `relocating`, `waiting for a slot of host esx1`."""
        if self.over:
            return self.state
        doing = self.phase or self.state
        return f"{doing} (attempt {self.attempt} of {self.max_attempts})" if self.attempt > 1 else doing

    def doing_in_line(self) -> str:
        """Return the same with its place in line, which others change too."""
        return self.doing() if self.place is None else f"{self.doing()}, place {self.place} in line"


def parse_time(text: object) -> datetime | None:
    """Read CloudStack's form of a time, `2021-03-26T07:16:54+0000`, or ISO 8601."""
    if not text:
        return None
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
