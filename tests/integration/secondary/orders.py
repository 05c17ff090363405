"""Transfers ordered as a strategy orders them, and the bytes that they are about."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from app.db import transaction
from app.inventory.vcenters import endpoint_of
from app.jobs import attempts, leases, outside
from app.jobs.models import Job, OutsideTask
from app.jobs.states import JobState
from app.secondary.carry import carry
from app.secondary.hold import Hold, take
from app.secondary.locations import DatastoreLocation, FolderLocation, Location, Parcel
from app.secondary.transfers import TransferState, begin, state_of
from app.vsphere.datastore_files import DatastoreFile, DatastoreFileBusy, DatastoreFiles
from tests.integration.jobs import rows
from tests.running.waiting import until

MIB = 1 << 20
DEADLINE_SECONDS = 30


def content(size: int, seed: int = 1, holes: Sequence[range] = ()) -> bytes:
    """Return bytes that are not all the same, with zeros in between."""
    made = bytearray(random.Random(seed).randbytes(size))  # noqa: S311  # content, no secret
    for hole in holes:
        made[hole.start : hole.stop] = bytes(len(hole))
    return bytes(made)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Ordered:
    """A transfer that was ordered."""

    job_id: UUID
    task_id: UUID

    @property
    def state(self) -> TransferState:
        with transaction() as session:
            found = state_of(session, self.task_id)
        assert found
        return found

    @property
    def task(self) -> OutsideTask:
        with transaction() as session:
            return session.get_one(OutsideTask, self.task_id)

    @property
    def job(self) -> Job:
        return rows.job(self.job_id)


def order(store_id: UUID, *parcels: tuple[Location, Location, int], job_id: UUID | None = None) -> Ordered:
    """Take a job as far as a carried command takes it: claimed, intended, begun, running."""
    job_id = job_id or rows.new_job()
    claim = leases.claim_to_submit(job_id, "submitter")
    assert claim
    with transaction() as session:
        attempt = attempts.begin(session, claim).number
    task_id = outside.intend(claim, attempt, 0, rows.NOBODY, {"command": "carry"})
    with transaction() as session:
        begin(
            session,
            claim,
            task_id=task_id,
            store_id=store_id,
            parcels=[Parcel(source=source, target=target, size_bytes=size) for source, target, size in parcels],
        )
        leases.move(session, claim, JobState.RUNNING, kind="submitted", phase="waiting for a carrier")
    return Ordered(job_id, task_id)


def taken(store_id: UUID, owner: str = "carrier", over: threading.Event | None = None) -> Hold:
    hold = take(owner, [store_id], over or threading.Event())
    assert hold
    return hold


def carried(ordered: Ordered, store_id: UUID) -> TransferState:
    """Carry what was ordered until somebody says that it is over."""
    carry(taken(store_id))
    return ordered.state


def lapse(ordered: Ordered) -> None:
    """Let the lease of whoever carries it run out: its worker is dead, or paused."""
    with transaction() as session:
        session.execute(
            text("UPDATE transfer SET lease_expires_at = now() - interval '1 second' WHERE task_id = :id"),
            {"id": ordered.task_id},
        )


def next_attempt(job_id: UUID) -> None:
    """The finish step sees that the first has failed, and lets the job try again."""
    claim = leases.claim_to_finish(job_id, "finisher")
    assert claim
    with transaction() as session:
        leases.move(session, claim, JobState.QUEUED, kind="retried")
        session.execute(
            text("UPDATE job_attempt SET ended_at = now(), outcome = 'retried' WHERE job_id = :id"), {"id": job_id}
        )


@dataclass(frozen=True)
class Datastores:
    """Files of a vCenter's datastores, put there and read back by the test."""

    vcenter_id: UUID

    def location(self, datastore: str, path: str) -> DatastoreLocation:
        return DatastoreLocation(vcenter_id=self.vcenter_id, datacenter_path="dc1", datastore=datastore, path=path)

    def put(self, at: DatastoreLocation, data: bytes) -> DatastoreLocation:
        until(lambda: self._is_put(at, data), DEADLINE_SECONDS, f"{at} is free: the upload of who has died is noticed")
        return at

    def _is_put(self, at: DatastoreLocation, data: bytes) -> bool:
        with self._files() as files:
            try:
                files.write(_file(at), [data], size_bytes=len(data))
            except DatastoreFileBusy:
                return False
        return True

    def get(self, at: DatastoreLocation) -> bytes:
        with self._files() as files, files.reading(_file(at)) as pieces:
            return b"".join(pieces)

    def delete(self, at: DatastoreLocation) -> None:
        with self._files() as files:
            files.delete(_file(at))

    def there(self, at: DatastoreLocation) -> bool:
        return self.length(at) is not None

    def length(self, at: DatastoreLocation) -> int | None:
        with self._files() as files:
            found = files.stat(_file(at))
        return None if found is None else found.size_bytes

    def _files(self) -> DatastoreFiles:
        with transaction() as session:
            endpoint = endpoint_of(session, self.vcenter_id)
        return DatastoreFiles(endpoint, timeout_seconds=30)


def in_folder(root: Path, path: str) -> FolderLocation:
    return FolderLocation(root=str(root), path=path)


def _file(at: DatastoreLocation) -> DatastoreFile:
    return DatastoreFile(at.datacenter_path, at.datastore, at.path)
