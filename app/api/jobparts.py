"""What both endpoints show beside a job's own row: its account, its place in line, its attempts, its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.queries import names_of_actors
from app.jobs import line
from app.jobs.models import Attempt, Job, JobEvent
from app.jobs.queries import attempts_of
from app.jobs.states import IN_LINE
from app.migration.queries import tasks_of_job
from app.migration.told import ToldStep, steps_told


@dataclass(frozen=True)
class ShownAttempt:
    """An attempt and the steps of its program."""

    attempt: Attempt
    steps: list[ToldStep]
    tasks: list[str]
    """vCenter's own names of everything that it did for it, in order."""


@dataclass(frozen=True)
class ShownEvent:
    """A line of a job's history, and the name of the key of the user who did it."""

    event: JobEvent
    key: str | None


def places_in_line(session: Session, jobs: Sequence[Job]) -> dict[UUID, int]:
    """Return the place of each job that stands in line for a slot, from 1."""
    waiting = [job.id for job in jobs if job.waiting_for is not None and job.state in IN_LINE]
    return line.places(session, waiting) if waiting else {}


def show_attempts(session: Session, job_id: UUID) -> list[ShownAttempt]:
    """Return a job's attempts in order, each with its steps and tasks."""
    shown = []
    all_tasks = tasks_of_job(session, job_id)
    for attempt in attempts_of(session, job_id):
        tasks = [task for task in all_tasks if task.attempt == attempt.number]
        references = [task.reference for task in tasks if task.reference is not None]
        shown.append(ShownAttempt(attempt, steps_told(attempt.program, tasks), references))
    return shown


def show_events(session: Session, events: Sequence[JobEvent]) -> list[ShownEvent]:
    """Return lines of a history with the names of the users in them."""
    names = names_of_actors(session, (event.actor for event in events))
    return [ShownEvent(event, names.get(event.actor)) for event in events]
