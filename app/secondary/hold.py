"""A carrier's hold on a transfer: taken, kept alive, and asked before everything that lasts (law 2).

The lease is renewed every second by a thread of its own, which also writes how far the transfer is, and hears whether
it is to stop. `check` tells what that thread has heard, and costs nothing; `save` asks PostgreSQL.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.db import transaction
from app.errors import LostLease, ResourceUnavailable, VrelocateError
from app.jobs import outside
from app.jobs.leases import record_event, wakeless_seconds
from app.jobs.outside import Ending
from app.jobs.queue import Step, ring
from app.jobs.states import TaskState
from app.secondary import queries
from app.secondary.errors import Abandoned
from app.secondary.models import Transfer, TransferFile, TransferPhase
from app.settings import settings
from app.telemetry import logger

log = logger(__name__)

_BEAT_SECONDS = 1.0

_PHASES = {
    TransferPhase.DOWNLOADING: "copying to secondary storage",
    TransferPhase.UPLOADING: "copying from secondary storage",
    TransferPhase.COMPARING: "comparing checksums",
}


class WorkerStops(VrelocateError):
    """The carrier's process is about to end: another one goes on."""


class Hold:
    """The right to carry one transfer, good until its lease runs out. For one carrying thread."""

    def __init__(self, row: Transfer, files: list[TransferFile], owner: str, over: threading.Event) -> None:
        """Use `take`."""
        self.transfer = row
        self.files = files
        """The files, in order; `save` keeps them as the database has them."""
        self.owner = owner
        self._fence = row.fence
        self._over = over
        self._ended = threading.Event()
        self._heard: VrelocateError | None = None if row.abandoned_at is None else _asked_to_stop()

    def check(self) -> None:
        """Raise `LostLease`, `Abandoned` or `WorkerStops` when the carrier is to stop."""
        if self._heard is not None:
            raise self._heard
        if self._over.is_set():
            raise WorkerStops("the worker stops")

    def wait(self, seconds: float) -> None:
        """Rest, but not once the carrier is to stop: raises what `check` raises."""
        for _ in range(max(1, int(seconds / _BEAT_SECONDS))):
            self.check()
            self._over.wait(min(seconds, _BEAT_SECONDS))
        self.check()

    def save(
        self, file: TransferFile, *, require: Callable[[Session], None] = lambda _: None, **columns: object
    ) -> None:
        """Write columns of a file; raises what `check` raises, and what `require` raises in the same transaction.

        Whoever returns from here may do at once what lasts: the transfer was held a moment ago.
        """
        self.check()
        with self._answered_soon(), transaction() as session:
            require(session)
            held = queries.save_file(
                session, file.transfer_id, file.number, owner=self.owner, fence=self._fence, columns=columns
            )
        if not held:
            self._renew()
            self.check()
            raise self._lost()
        for name, value in columns.items():
            setattr(file, name, value)

    def require(self) -> None:
        """Raise `LostLease` when the transfer is not held any more, whatever else may have been heard."""
        self._save(waits_for=None)

    def enter(self, phase: TransferPhase) -> None:
        """Write down which phase has begun; raises `LostLease`."""
        self._save(phase=phase)
        self.transfer.phase = phase
        self._tell()

    def waits_for(self, what: str | None) -> None:
        """Say what is being waited for; not an error when that cannot be written now."""
        with suppress(ResourceUnavailable):
            self._save(waits_for=what)

    @contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Renew the lease, write progress and listen, for as long as the block runs."""
        beat = threading.Thread(target=self._beat, name=f"carry-lease-{self.transfer.id}", daemon=True)
        beat.start()
        try:
            yield
        finally:
            self._ended.set()
            beat.join()

    def release(self) -> None:
        """Let another carrier take the transfer at once."""
        with transaction() as session:
            session.execute(queries.RELEASE, self._mine)

    def settle(self, ending: Ending) -> None:
        """End the transfer and its outside task in one transaction, then ring for the job; raises `LostLease`."""
        done = ending.state is TaskState.SUCCESS
        columns = {
            "phase": TransferPhase.DONE if done else TransferPhase.FAILED,
            "fault": ending.fault,
            "fault_class": ending.fault_class,
            "message": ending.message,
            "lease_owner": None,
            "lease_expires_at": None,
            "waits_for": None,
            "finished_at": func.now(),
        }
        with transaction() as session:
            if not queries.save_transfer(
                session, self.transfer.id, owner=self.owner, fence=self._fence, columns=columns
            ):
                raise self._lost()
            job_id = outside.settle(session, self.transfer.task_id, ending)
            if job_id is not None:
                detail = {"transfer": str(self.transfer.id), "state": ending.state.value, "fault": ending.fault}
                record_event(session, job_id, self.owner, "settled", detail=detail)
        if job_id is not None:
            ring(Step.FINISH, [job_id])

    @property
    def _mine(self) -> dict[str, object]:
        return {"id": self.transfer.id, "fence": self._fence, "owner": self.owner}

    def _save(self, **columns: object) -> None:
        with self._answered_soon(), transaction() as session:
            held = queries.save_transfer(
                session, self.transfer.id, owner=self.owner, fence=self._fence, columns=columns
            )
        if not held:
            raise self._lost()

    @contextmanager
    def _answered_soon(self) -> Iterator[None]:
        """Do not believe an answer that came so late that another may have taken the transfer since it was given.

        That is a process that was suspended, or a whole machine, while it waited.
        """
        asked_at = wakeless_seconds()
        yield
        if wakeless_seconds() - asked_at > settings().lease_seconds / 2:
            raise ResourceUnavailable("the database answered too late to be believed: it is asked again")

    def _lost(self) -> LostLease:
        return LostLease(f"transfer {self.transfer.id} is not {self.owner}'s to carry any more")

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT_SECONDS):
            try:
                self._renew()
                self._tell()
            except ResourceUnavailable as away:  # the lease may still hold when the database is back
                log.warning("carry.waits", job_id=str(self.transfer.job_id), why=str(away))
            except Exception:
                log.exception("lease.renewal_failed", job_id=str(self.transfer.job_id))
            if isinstance(self._heard, LostLease):
                return

    def _renew(self) -> None:
        with transaction() as session:
            row = session.execute(
                queries.RENEW, {**self._mine, "lease_seconds": settings().lease_seconds}
            ).one_or_none()
        if row is None:
            self._heard = self._lost()
        elif row.abandoned:
            self._heard = _asked_to_stop()

    def _tell(self) -> None:
        """Write progress into the outside task and the job."""
        done = sum(file.downloaded_bytes + file.uploaded_bytes + file.compared_bytes for file in self.files)
        total = 3 * sum(file.size_bytes for file in self.files)
        # 100 is for what has been settled.
        percent = min(99, 100 * done // total) if total else 0
        told = {"id": self.transfer.id, "fence": self._fence, "percent": percent, "phase": _PHASES[self.transfer.phase]}
        with transaction() as session:
            session.execute(queries.SAVE_PROGRESS, told)


def _asked_to_stop() -> Abandoned:
    return Abandoned("the transfer was asked to stop")


def take(owner: str, stores: Collection[UUID], over: threading.Event) -> Hold | None:
    """Take a transfer that waits, or whose carrier died, and that leads through one of `stores`; `None` without one.

    `over` is set when the carrier's process is to end.
    """
    with transaction() as session:
        transfer_id = session.execute(
            queries.CLAIM, {"owner": owner, "stores": list(stores), "lease_seconds": settings().lease_seconds}
        ).scalar_one_or_none()
        if transfer_id is None:
            return None
        row = session.get_one(Transfer, transfer_id)
        return Hold(row, list(queries.files_of(session, transfer_id)), owner, over)
