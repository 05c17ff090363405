"""Jobs whose files are carried by a worker of ours, in this very process."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from app.jobs.models import Job
from app.jobs.states import JobState
from app.secondary.carry import carry
from app.secondary.hold import take
from tests.integration.jobs import rows
from tests.integration.migration.steps import Steps

MOST_ROUNDS = 20


@dataclass(frozen=True)
class Ways:
    """The steps of jobs that go through secondary storage."""

    steps: Steps
    store_id: UUID
    mount: Path

    def carry(self) -> None:
        """Carry what waits to be carried, to its end."""
        hold = take("carrier", {self.store_id}, threading.Event())
        assert hold, "nothing waits to be carried"
        carry(hold)

    def go_on(self, job_id: UUID) -> Job:
        """Let whoever's turn it is do its step."""
        job = rows.job(job_id)
        if job.state is JobState.QUEUED:
            return self.steps.submit(job_id)
        last = rows.tasks(job_id)[-1]
        if last.settled_at is not None:
            return self.steps.finish(job_id)
        if last.reference is None:
            self.carry()
        else:
            self.steps.watch()
        return self.steps.finish(job_id)

    def run(self, job_id: UUID) -> Job:
        """Take a job that is due through one attempt."""
        job = self.steps.submit(job_id)
        for _ in range(MOST_ROUNDS):
            if job.state is not JobState.RUNNING:
                return job
            job = self.go_on(job_id)
        raise AssertionError(f"the job does not end: {job.phase}")
