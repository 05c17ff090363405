"""Jobs whose files are carried by a worker of ours, in this very process, driven to their end whatever happens."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from app.db import transaction
from app.jobs.models import Job
from app.jobs.states import TERMINAL, JobState
from app.migration.programs import Asked
from app.secondary.carry import carry
from app.secondary.hold import take
from app.vsphere.session import Session
from tests.integration.jobs import rows
from tests.integration.migration.steps import Steps
from tests.running.waiting import until

END_SECONDS = 90
_LAPSE = "UPDATE transfer SET lease_expires_at = now() - interval '1 second' WHERE lease_owner IS NOT NULL"


@dataclass(frozen=True)
class Ways:
    """The steps of jobs that go through secondary storage; the time of each turn has always come."""

    steps: Steps
    store_id: UUID
    mount: Path
    session: Session
    """Somebody who looks at the vCenter beside us."""

    def carry(self) -> None:
        """Carry what waits to be carried, to its end; a carrier that has it is dead."""
        with transaction() as session:
            session.execute(text(_LAPSE))
        hold = take("carrier", {self.store_id}, threading.Event())
        assert hold, "nothing waits to be carried"
        carry(hold)

    def turn(self, job_id: UUID) -> Job:
        """Let whoever's turn it is do its step; a worker that holds the job is dead."""
        job = rows.job(job_id)
        if job.state is JobState.QUEUED:
            rows.make_due(job_id)
            return self.steps.submit(job_id)
        if job.state is JobState.SUBMITTING:
            rows.lapse_lease(job_id)
            return self.steps.submit(job_id, "next worker")
        if job.state is JobState.RUNNING:
            last = rows.tasks(job_id)[-1]
            if last.settled_at is None:
                self.carry() if last.reference is None else self.steps.watch()
            return self.steps.finish(job_id)
        rows.lapse_lease(job_id)
        return self.steps.finish(job_id, "next worker")

    def to_end(self, job_id: UUID) -> Job:
        """Give the job turns until it is over."""
        return until(lambda: job if (job := self.turn(job_id)).state in TERMINAL else None, END_SECONDS, "its end")

    def until_asked(self, job_id: UUID, kind: str) -> None:
        """Give it turns until it has come to a command."""
        until(lambda: kind in self.asked(job_id) or not self.turn(job_id), END_SECONDS, kind)

    def run(self, job_id: UUID) -> Job:
        """Take a job to its end, which has to be a success."""
        job = self.to_end(job_id)
        assert (job.state, job.error_text) == (JobState.SUCCEEDED, None), self.told(job_id)
        return job

    def asked(self, job_id: UUID) -> list[str]:
        """The kinds of all commands that were begun, in order."""
        return [Asked.of(task).command.kind for task in rows.tasks(job_id) if task.state != "abandoned"]

    def told(self, job_id: UUID) -> str:
        """Everything that the job has written, for a test that fails."""
        tasks = [
            f"{it.attempt}.{it.sequence} {Asked.of(it).command.kind}: {it.state} {it.fault} {it.message}"
            for it in rows.tasks(job_id)
        ]
        attempts = [f"{it.number}: {it.outcome} {it.fault} {it.message}" for it in rows.attempts(job_id)]
        return "\n".join([rows.job(job_id).error_text or "", *attempts, *tasks])
