"""What was done for a job so far: by its open attempt, and by all of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.jobs.models import Job, OutsideTask
from app.jobs.queries import attempts_of
from app.migration.programs import Asked, Program, Standing, program_from_json, standing_of
from app.migration.queries import tasks_of_job


@dataclass(frozen=True)
class Past:
    """A job as its rows tell it."""

    standing: Standing
    """Of the open attempt; of the last one, when none is open."""
    history: tuple[Asked, ...]
    """Every command that was asked for, or was about to be, of all attempts, oldest first."""
    programs: tuple[Program, ...]
    """Of all attempts, in order; one of a release without programs has none."""

    @property
    def tasks(self) -> list[OutsideTask]:
        """The outside tasks of all attempts, oldest first."""
        return [asked.task for asked in self.history]


def past_of(session: Session, job: Job) -> Past:
    """Read a job's past."""
    tasks, attempts = tasks_of_job(session, job.id), attempts_of(session, job.id)
    attempt = next((it for it in attempts if it.ended_at is None), None)
    number = attempt.number if attempt else job.attempt
    of_attempt = [task for task in tasks if task.attempt == number]
    kept = [it.program for it in attempts]
    return Past(
        standing=standing_of(number, attempt.program if attempt else None, of_attempt),
        history=tuple(Asked.of(task) for task in tasks),
        programs=tuple(program_from_json(it) for it in kept if it is not None),
    )
