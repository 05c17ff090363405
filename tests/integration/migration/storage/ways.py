"""Jobs whose files are carried by a worker of ours, in this very process, driven to their end whatever happens."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from app.db import transaction
from app.jobs.models import Job
from app.jobs.states import JobState
from app.secondary.carry import carry
from app.secondary.hold import take
from tests.integration.jobs import rows
from tests.integration.migration.driven import Driven

_LAPSE = "UPDATE transfer SET lease_expires_at = now() - interval '1 second' WHERE lease_owner IS NOT NULL"


@dataclass(frozen=True)
class Ways(Driven):
    """Jobs that go through secondary storage."""

    store_id: UUID
    mount: Path

    def carry(self) -> None:
        """Carry what waits to be carried, to its end; a carrier that has it is dead."""
        with transaction() as session:
            session.execute(text(_LAPSE))
        hold = take("carrier", {self.store_id}, threading.Event())
        assert hold, "nothing waits to be carried"
        carry(hold)

    def follow(self, job_id: UUID) -> None:
        last = rows.tasks(job_id)[-1]
        if last.settled_at is None:
            self.carry() if last.reference is None else self.steps.watch()

    def run(self, job_id: UUID) -> Job:
        """Take a job to its end, which has to be a success."""
        job = self.to_end(job_id)
        assert (job.state, job.error_text) == (JobState.SUCCEEDED, None), self.told(job_id)
        return job
