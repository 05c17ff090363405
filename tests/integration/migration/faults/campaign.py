"""One campaign: every fault planted at every moment, in one vCenter, in rounds of attempts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from app.db import transaction
from app.jobs.models import Job
from app.jobs.states import JobState
from tests.integration.jobs import rows
from tests.integration.migration.faults.laboratory import vcenter_of
from tests.integration.migration.faults.table import SUBJECTS, Subject
from tests.integration.migration.faults.truth import disagreements
from tests.integration.migration.steps import Steps, admission
from tests.running.ledger import Ledger, OperationCounts
from tests.running.vcenter import RunningVCenter

MOST_ATTEMPTS = 3
AT_ONCE = 4
"""Threads that take the steps, as in a worker."""


class Moment(StrEnum):
    """When a fault strikes, as the simulated vCenter's fault plans say it."""

    CALL = "call"
    """Instead of a task."""
    HALF_WAY = "50%"
    DONE = "done"
    """Everything is on its target by then, and the task says that it failed."""


@dataclass(frozen=True)
class Case:
    """One job, and when the fault meets it: once at each of the moments, or `always` at the one."""

    subject: Subject
    moments: tuple[Moment, ...]
    always: bool = False

    @property
    def name(self) -> str:
        return "-".join([self.subject.fault.name, *(moment.name for moment in self.moments), *["ALWAYS"] * self.always])

    @property
    def method(self) -> str:
        return "RelocateVM_Task" if self.subject.is_vm else "MoveVirtualDisk_Task"

    @property
    def entity(self) -> str:
        return self.name if self.subject.is_vm else f"[old] loose/{self.name}.vmdk"

    @property
    def disks(self) -> list[str]:
        """The names of what moves."""
        return [self.name, f"{self.name}_1"] if self.subject.is_vm else [self.name]

    def planned(self) -> list[dict[str, object]]:
        """Return the faults as a scenario plans them."""
        return [
            {
                "method": self.method,
                "entity": self.entity,
                "fault": self.subject.fault.name,
                "at": moment.value,
                "times": "always" if self.always else 1,
                "with": dict(self.subject.fault.properties),
            }
            for moment in self.moments
        ]


def thrice(subject: Subject) -> Case:
    """Return the case of a fault that is worth another try: one job meets it at every moment, one after another."""
    return Case(subject, tuple(Moment))


def once(subject: Subject, moment: Moment) -> Case:
    """Return the case of a fault that ends its job at once."""
    return Case(subject, (moment,))


def for_ever(subject: Subject) -> Case:
    """Return the case of a fault that nobody mends."""
    return Case(subject, (Moment.HALF_WAY,), always=True)


PASSING = [subject for subject in SUBJECTS if subject.fault.is_retried]
ENDING = [subject for subject in SUBJECTS if not subject.fault.is_retried]
STAYING = [subject for subject in PASSING if subject.fault.name in {"FileLocked", "NoDiskSpace", "FileAlreadyExists"}]
"""One of each class."""


def cases() -> list[Case]:
    """Return every job there is."""
    ending = [once(subject, moment) for subject in ENDING for moment in Moment]
    return [*map(thrice, PASSING), *ending, *map(for_ever, STAYING)]


@contextmanager
def vcenter(folder: Path) -> Iterator[RunningVCenter]:
    """Run a vCenter with a small VM or disk for each case, and with what is to meet it."""
    every = cases()
    machine = {"cluster": "east", "datastore": "old", "disks": [{"size": "4MiB", "used": "1MiB"}, {"size": "2MiB"}]}
    with vcenter_of(
        folder,
        vms=[{"name": case.name, **machine} for case in every if case.subject.is_vm],
        disks=[{"path": case.entity, "size": "2MiB", "kind": "thick"} for case in every if not case.subject.is_vm],
        faults=[fault for case in every for fault in case.planned()],
    ) as running:
        yield running


@dataclass(frozen=True)
class Round:
    """How everything was when every job that was due had had its attempt."""

    jobs: dict[UUID, Job]
    taken: tuple[int, int, int]
    """Slots, reservations, marks on volumes."""
    disagreements: list[str]


class Campaign:
    """Takes all of them through their attempts, and keeps what was to be seen after each round."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._jobs = {case: self._ask(case) for case in cases()}
        self.rounds: list[Round] = []
        due = list(self._jobs.values())
        with ThreadPoolExecutor(AT_ONCE) as workers:
            for _ in range(MOST_ATTEMPTS):
                self.rounds.append(self._round(workers, due))
                due = [job_id for job_id, job in self.rounds[-1].jobs.items() if job.state is JobState.QUEUED]
                for job_id in due:
                    rows.make_due(job_id)
        self._operations = Ledger(steps.vcenter).page().operations

    def job_id(self, case: Case) -> UUID:
        return self._jobs[case]

    def after_each_round(self, case: Case) -> list[Job]:
        return [it.jobs[self._jobs[case]] for it in self.rounds]

    def counts(self, case: Case) -> OperationCounts:
        """Return what the vCenter itself has counted of the case's VM or disk."""
        return self._operations.get(case.method, {}).get(case.entity, OperationCounts())

    def _ask(self, case: Case) -> UUID:
        return self._steps.ask_vm(case.name, "new") if case.subject.is_vm else self._steps.ask_disk(case.entity, "new")

    def _round(self, workers: ThreadPoolExecutor, due: list[UUID]) -> Round:
        list(workers.map(self._steps.submit, due))
        self._steps.watch()
        list(workers.map(self._steps.finish, due))
        with transaction() as session:
            jobs = {job.id: job for job in session.scalars(select(Job))}
        return Round(jobs, admission(), disagreements(self._steps.vcenter_id))
