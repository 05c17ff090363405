"""Jobs that are driven to their end whatever happens: by as many workers, one after the other, as it takes."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.jobs.models import Job
from app.jobs.states import TERMINAL, JobState
from app.migration.programs import Asked
from app.vsphere.session import Session
from tests.integration.jobs import rows
from tests.integration.migration.steps import Steps
from tests.running.waiting import until

END_SECONDS = 90


@dataclass(frozen=True)
class Driven:
    """The steps of jobs; the time of each turn has always come."""

    steps: Steps
    session: Session
    """Somebody who looks at the vCenter beside us."""

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
            self.follow(job_id)
            return self.steps.finish(job_id)
        rows.lapse_lease(job_id)
        return self.steps.finish(job_id, "next worker")

    def follow(self, job_id: UUID) -> None:
        """Bring what is at work for the job to its end."""
        assert rows.job(job_id).state is JobState.RUNNING
        self.steps.watch()

    def to_end(self, job_id: UUID) -> Job:
        """Give the job turns until it is over."""
        return until(lambda: job if (job := self.turn(job_id)).state in TERMINAL else None, END_SECONDS, "its end")

    def until_asked(self, job_id: UUID, kind: str) -> None:
        """Give it turns until it has come to a command."""
        until(lambda: kind in self.asked(job_id) or not self.turn(job_id), END_SECONDS, kind)

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
