"""What each step is, whoever does it: a Celery task that the bell has woken, or a hand of the sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from app.jobs.queue import Step
from app.migration.stop import stop
from app.migration.submit import submit
from app.migration.verify import finish
from workers.identity import worker_name

_DOES: Mapping[Step, Callable[[UUID, str], object]] = {Step.SUBMIT: submit, Step.FINISH: finish, Step.STOP: stop}


def do(step: Step, job_id: UUID) -> None:
    """Do a step of a job as this worker; nothing happens when it is not due, or somebody else has it."""
    _DOES[step](job_id, worker_name())
