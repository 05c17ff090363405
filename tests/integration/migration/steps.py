"""Jobs taken through their steps one by one in this very process, as workers would, so that a test stands between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.db import transaction
from app.jobs import watching
from app.jobs.models import Job
from app.jobs.stopping import StopWish, wish_stop
from app.migration.accept import accept
from app.migration.requests import MigrateVirtualMachine, MigrateVolume, Request
from app.migration.retry import retry
from app.migration.stop import stop
from app.migration.submit import submit
from app.migration.verify import finish
from tests.integration import known
from tests.integration.jobs import rows
from tests.running.admin_port import ask_admin
from tests.running.ledger import Ledger
from tests.running.vcenter import RunningVCenter
from workers.watch import Watcher

ACCOUNT, USER = UUID(int=1), UUID(int=2)
ADMISSION = """
    SELECT (SELECT count(*) FROM slot), (SELECT count(*) FROM space_reservation),
           (SELECT count(*) FROM volume WHERE moving_to IS NOT NULL)
"""


class Killed(BaseException):
    """A worker dies here: nothing of ours catches it."""


@dataclass(frozen=True)
class Steps:
    """The steps of jobs on one vCenter."""

    vcenter_id: UUID
    vcenter: RunningVCenter

    def ask(self, request: Request, job_id: UUID | None = None) -> UUID:
        return accept(request, user_id=USER, account_id=ACCOUNT, job_id=job_id)

    def ask_vm(self, name: str, to: str) -> UUID:
        return self.ask(MigrateVirtualMachine(vm_id=known.vm(name).id, pool_id=known.pool(to).id))

    def ask_disk(self, path: str, to: str) -> UUID:
        return self.ask(MigrateVolume(volume_id=known.volume(path).id, pool_id=known.pool(to).id))

    def submit(self, job_id: UUID, worker: str = "worker") -> Job:
        submit(job_id, worker)
        return rows.job(job_id)

    def finish(self, job_id: UUID, worker: str = "worker") -> Job:
        finish(job_id, worker)
        return rows.job(job_id)

    def cancel(self, job_id: UUID) -> Job:
        """Wish that the job stops."""
        wish_stop(job_id, StopWish.CANCEL, f"user:{USER}")
        return rows.job(job_id)

    def stop(self, job_id: UUID) -> Job:
        """Ask for the stop of what works for it."""
        stop(job_id, "worker")
        return rows.job(job_id)

    def retry(self, job_id: UUID) -> Job:
        """Try a job again by hand."""
        retry(job_id, f"user:{USER}")
        return rows.job(job_id)

    def watch(self) -> None:
        """Follow what runs in the vCenter until nothing does."""
        watch = watching.take_watch(self.vcenter_id, "watcher")
        assert watch
        Watcher(watch)._follow(threading.Event())

    @contextmanager
    def slowly(self) -> Iterator[None]:
        """Let copies from `slow` go on for half a minute and more, a few percent a second, however busy we are."""
        ask_admin(self.vcenter, "POST", "/datastores/slow", {"rate": "2MB/s"})
        try:
            yield
        finally:
            ask_admin(self.vcenter, "POST", "/datastores/slow", {"rate": "50MB/s"})

    def run(self, job_id: UUID, worker: str = "worker") -> Job:
        """Take a job that is due through one attempt."""
        self.submit(job_id, worker)
        self.watch()
        return self.finish(job_id, worker)

    def run_again(self, job_id: UUID) -> Job:
        """The same when the time of its next attempt has come."""
        rows.make_due(job_id)
        return self.run(job_id)

    def take_over(self, job_id: UUID) -> Job:
        """Let another worker take what a dead one left, and go on with it to its end."""
        rows.lapse_lease(job_id)
        return self.run(job_id, "next worker")

    def ledger(self, entity: str, method: str = "RelocateVM_Task") -> dict[str, int]:
        """What the vCenter itself has counted: tasks started, succeeded, failed, cancelled, refused as overlapping."""
        return Ledger(self.vcenter).of(method).get(entity, {"started": 0})

    def started(self, entity: str) -> int:
        method = "MoveVirtualDisk_Task" if entity.startswith("[") else "RelocateVM_Task"
        return self.ledger(entity, method)["started"]


def admission() -> tuple[int, int, int]:
    """How many slots, reservations and marks on volumes there are."""
    with transaction() as session:
        slots, reservations, marks = session.execute(text(ADMISSION)).one()
    return slots, reservations, marks


NOTHING_TAKEN = (0, 0, 0)
