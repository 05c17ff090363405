"""One example is run: its vCenter is started, what is wanted is asked for, and all jobs are taken to their ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from app.db import transaction
from app.errors import InvalidParameter, LiveJobExists
from app.inventory.models import Volume
from app.jobs.models import Job
from app.jobs.states import TERMINAL, JobState
from app.migration.requests import MigrateVirtualMachine, MigrateVolume, Request
from app.secondary.carry import carry
from app.secondary.hold import take
from app.vsphere.errors import VCenterFault
from app.vsphere.facts import DiskFormat
from tests.integration import known
from tests.integration.jobs import rows
from tests.integration.migration.programs.dying import dying
from tests.integration.migration.random.files import Files
from tests.integration.migration.random.wishes import Example, Mishap, Subject, Wish
from tests.integration.migration.random.worlds import World
from tests.integration.migration.steps import Killed, Steps
from tests.integration.operating import Operator
from tests.running.admin_port import ask_admin
from tests.running.faults import Entities, Faults
from tests.running.ledger import Page

MOST_ROUNDS = 60
RATE = "5GB/s"


@dataclass(frozen=True)
class Volumed:
    """A volume as it is known at one moment."""

    path: str
    pool: str
    format: str | None
    digest: tuple[str, ...]


@dataclass
class Run:
    """What is there of one example while it runs, and afterwards."""

    example: Example
    steps: Steps
    operator: Operator
    files_root: Path
    store_id: UUID | None = None
    before: dict[UUID, Volumed] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    jobs: dict[UUID, Wish] = field(default_factory=dict)
    """Those that were accepted."""
    requests: dict[UUID, Request] = field(default_factory=dict)
    ledger: Page | None = None

    @property
    def world(self) -> World:
        return self.example.world

    @property
    def files(self) -> Files:
        """What lies there now."""
        return Files(self.files_root)

    def volume_of(self, subject: Subject) -> UUID:
        """Return the volume that a wish is about, as it was in the beginning."""
        kind, name, number = subject
        if kind == "disk":
            return known.disks(name)[number].id
        where = dict(self.world.loose if kind == "loose" else self.world.first_class)[name].datastore
        folder = "loose" if kind == "loose" else "fcd"
        return known.volume(f"[{where}] {folder}/{name}.vmdk").id

    # -- what is asked -----------------------------------------------------------------------------------------------

    def _request(self, wish: Wish) -> Request:
        kind, name, _ = wish.subject
        wanted = DiskFormat(wish.format) if wish.format else None
        to = known.pool(wish.to).id
        if kind != "vm":
            return MigrateVolume(self.volume_of(wish.subject), to, wanted, wish.with_home if kind == "disk" else None)
        disks = known.disks(name)
        each = {disks[number].id: known.pool(pool).id for number, pool in wish.each}
        return MigrateVirtualMachine(known.vm(name).id, to if wish.whole else None, each, wanted, wish.with_home)

    def ask(self) -> None:
        """Ask for everything at once; what cannot be meant, or has a job already, gets none."""
        for wish in self.example.wishes:
            request = self._request(wish)
            with suppress(LiveJobExists, InvalidParameter):
                job_id = self.steps.ask(request)
                self.jobs[job_id], self.requests[job_id] = wish, request

    def live(self) -> list[Job]:
        return [job for job in map(rows.job, self.jobs) if job.state not in TERMINAL]

    # -- to the end --------------------------------------------------------------------------------------------------

    def to_the_end(self) -> None:
        faults = Faults(self.steps.vcenter)
        self._plant(faults)
        with pytest.MonkeyPatch.context() as edges:
            if (death := self.example.death) is not None:
                dying(edges, death.edge, death.at)
            for number in range(MOST_ROUNDS):
                if not (live := self.live()):
                    break
                self._round(number, live)
        faults.lift_all()
        assert not self.live(), self.told()

    def _round(self, number: int, live: list[Job]) -> None:
        mishaps = [mishap for mishap in self.example.mishaps if mishap.round == number]
        if mishaps:
            self._all_datastores(stalled=True)
        for job in live:
            self._begin(job)
        for mishap in mishaps:
            self._happens(mishap)
        if mishaps:
            self._all_datastores(rate=RATE)
        self.steps.watch()
        for mishap in mishaps:
            if mishap.what == "cut":
                Faults(self.steps.vcenter).mend(mishap.pool)
        self._carry()
        for job in live:
            self._end(rows.job(job.id))

    def _begin(self, job: Job) -> None:
        with suppress(Killed):
            if job.state is JobState.QUEUED:
                rows.make_due(job.id)
                self.steps.submit(job.id)
            elif job.state is JobState.SUBMITTING:
                rows.lapse_lease(job.id)
                self.steps.submit(job.id, "next worker")

    def _end(self, job: Job) -> None:
        with suppress(Killed):
            if job.state is JobState.VERIFYING:
                rows.lapse_lease(job.id)
            self.steps.finish(job.id, "next worker")

    def _carry(self) -> None:
        """Carry what waits for a carrier."""
        while self.store_id and (hold := take("carrier", {self.store_id}, threading.Event())):
            carry(hold)

    # -- what goes wrong ---------------------------------------------------------------------------------------------

    def _plant(self, faults: Faults) -> None:
        for it in self.example.faults:
            faults.plant_fault(
                it.method, it.fault, at=it.at, which=Entities(times=it.times), properties=_needed(it.fault)
            )
        for loss in self.example.losses:
            lose = faults.lose_reply if loss.carried_out else faults.lose_request
            lose(loss.method, Entities(skip=loss.skip))
        for refusal in self.example.refusals:
            faults.refuse_path(refusal.path, refusal.status, refusal.times)

    def _happens(self, mishap: Mishap) -> None:
        faults = Faults(self.steps.vcenter)
        match mishap.what:
            case "cancel":
                self._cancel()
            case "fill":
                faults.fill(mishap.pool, 2**30)
            case "cut":
                faults.cut(mishap.pool)
            case "drop sessions":
                faults.drop_sessions()
            case "restart":
                faults.restart()
            case "restart and forget":
                faults.restart(tasks="forget")
            case "restart and go on":
                faults.restart(running="continue")

    def _cancel(self) -> None:
        """Cancel everything that runs, as somebody might in vCenter."""
        for job_id in self.jobs:
            for task in rows.tasks(job_id):
                if task.settled_at is None and task.reference:
                    moref = task.reference
                    with suppress(VCenterFault):  # it has just ended
                        self.operator.session.call(
                            lambda _, moref=moref: self.operator.session.moref("Task", moref).CancelTask()
                        )

    def _all_datastores(self, **figures: object) -> None:
        for it in self.world.datastores:
            ask_admin(self.steps.vcenter, "POST", f"/datastores/{it.name}", figures)

    # -- what it was -------------------------------------------------------------------------------------------------

    def volumes(self) -> dict[UUID, Volumed]:
        """Return every volume that is present in the records, and the bytes at its path."""
        files = self.files
        with transaction() as session:
            return {
                it.id: Volumed(
                    it.path, it.pool.name, it.format, files.digest(it.path) if it.path in files.disks else ()
                )
                for it in session.scalars(select(Volume).where(Volume.removed_at.is_(None)))
            }

    def told(self) -> str:
        """Everything that the jobs have written, for an example that fails."""
        return "\n".join(line for job_id, wish in self.jobs.items() for line in _told(job_id, wish))


def _told(job_id: UUID, wish: Wish) -> Iterator[str]:
    job = rows.job(job_id)
    yield f"{wish}: {job.state} {job.phase} {job.error_text or ''} {job.result or ''}"
    for it in rows.attempts(job_id):
        yield f"  attempt {it.number} {it.strategy}: {it.outcome} {it.fault} {it.message}"
    for task in rows.tasks(job_id):
        command = task.command["command"]
        yield f"    task {task.attempt}.{task.sequence} {command}: {task.state} {task.fault} {task.message}"


def _needed(fault: str) -> dict[str, object]:
    """Return the properties that a fault must have."""
    needed: dict[str, dict[str, object]] = {
        "TaskInProgress": {"task": {"type": "Task", "value": "task-1"}},
        "NoDiskSpace": {"datastore": "ds-0"},
        "NoPermission": {"privilegeId": "Datastore.FileManagement"},
        "SystemError": {"reason": "copying"},
        "ManagedObjectNotFound": {"obj": {"type": "Datastore", "value": "datastore-1"}},
    }
    return needed.get(fault, {})
