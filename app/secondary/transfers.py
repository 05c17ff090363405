"""Transfers as whoever orders them sees them: begin one, ask how it stands, ask it to stop, read its result.

The order of things, for a command that is carried by our own workers:

1. `stores.choose(bytes)` names a store with room, or raises;
2. `outside.intend(...)` writes the intent (law 3);
3. in one transaction: `begin(...)`, and the job's move to `running`;
4. a carrier takes it (`workers.carry`), settles the outside task in the end, and rings for the job's finish step;
5. the finish step reads `state_of` (what became of it) and `result_of` (each file's bytes and checksum);
6. `removal.remove_sources` when everything else is as it should be, and `leftovers.clear` when the job is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from app.errors import InvalidParameter, NotFound
from app.jobs import leases
from app.jobs.leases import Claim
from app.jobs.models import OutsideTask
from app.secondary import queries
from app.secondary.locations import DatastoreLocation, FolderLocation, Parcel, location_from_json
from app.secondary.models import FileState, SecondaryStore, Transfer, TransferFile, TransferPhase


@dataclass(frozen=True)
class CarriedFile:
    """One file of a transfer, as far as it is."""

    source: DatastoreLocation | FolderLocation
    target: DatastoreLocation | FolderLocation
    size_bytes: int
    state: FileState
    checksum: str | None
    """Of the source's content (`app.secondary.checksums`); `None` before all of it was read."""


@dataclass(frozen=True)
class TransferState:
    """How a transfer stands."""

    id: UUID
    phase: TransferPhase
    bytes_done: int
    bytes_total: int
    """Each byte counts three times: it is downloaded, uploaded and compared."""
    waits_for: str | None
    """What its carrier waits for just now."""
    fault: str | None
    fault_class: str | None
    message: str | None
    files: tuple[CarriedFile, ...]

    @property
    def over(self) -> bool:
        """Say whether nobody is going to carry it any further."""
        return self.phase in {TransferPhase.DONE, TransferPhase.FAILED}


def begin(session: Session, claim: Claim, *, task_id: UUID, store_id: UUID, parcels: Sequence[Parcel]) -> UUID:
    """Order the parcels carried, for the outside task `task_id` of the claimed job; returns the transfer's id.

    Nothing is asked of any place here. Beginning twice for one task is beginning once. Raises `LostLease` when the
    claim is stale, `NotFound` for a store or a task that is not there, `InvalidParameter` for no parcels, or for two
    with one target.
    """
    leases.held(session, claim)
    task = session.get(OutsideTask, task_id)
    if task is None or task.job_id != claim.job_id:
        raise NotFound(f"job {claim.job_id} has no outside task {task_id}")
    if session.get(SecondaryStore, store_id) is None:
        raise NotFound(f"there is no secondary store {store_id}")
    if not parcels or len({parcel.target for parcel in parcels}) < len(parcels):
        raise InvalidParameter("a transfer needs parcels, each with a target of its own")
    known = queries.transfer_of(session, task_id)
    if known is not None:
        return known.id
    transfer = Transfer(id=uuid4(), job_id=claim.job_id, task_id=task_id, store_id=store_id)
    session.add(transfer)
    session.flush()
    session.add_all(
        TransferFile(
            transfer_id=transfer.id,
            number=number,
            source=parcel.source.model_dump(mode="json"),
            target=parcel.target.model_dump(mode="json"),
            size_bytes=parcel.size_bytes,
        )
        for number, parcel in enumerate(parcels)
    )
    session.flush()
    return transfer.id


def state_of(session: Session, task_id: UUID) -> TransferState | None:
    """Return how the transfer of an outside task stands; `None` when it was never begun."""
    transfer = queries.transfer_of(session, task_id)
    return None if transfer is None else _state(session, transfer)


def result_of(session: Session, job_id: UUID) -> tuple[CarriedFile, ...]:
    """Return the files of the job's newest transfer that is done, in the order of its parcels.

    Raises `NotFound` when no transfer of the job is done.
    """
    done = queries.newest_done(session, job_id)
    if done is None:
        raise NotFound(f"no transfer of job {job_id} is done")
    return _state(session, done).files


def abandon(session: Session, task_id: UUID) -> bool:
    """Ask the transfer of an outside task to stop; `False` when there is none, or it is over.

    Its carrier stops within seconds, removes what it had begun, and settles the task as `RequestCanceled`; when nobody
    carries it, the next carrier does that. Until the task is settled the job is not over (law 5).
    """
    asked = session.execute(
        update(Transfer)
        .where(Transfer.task_id == task_id, Transfer.finished_at.is_(None))
        .values(abandoned_at=func.coalesce(Transfer.abandoned_at, func.now()))
        .returning(Transfer.id)
    )
    return asked.first() is not None


def _state(session: Session, transfer: Transfer) -> TransferState:
    files = queries.files_of(session, transfer.id)
    return TransferState(
        id=transfer.id,
        phase=transfer.phase,
        bytes_done=sum(file.downloaded_bytes + file.uploaded_bytes + file.compared_bytes for file in files),
        bytes_total=3 * sum(file.size_bytes for file in files),
        waits_for=transfer.waits_for,
        fault=transfer.fault,
        fault_class=transfer.fault_class,
        message=transfer.message,
        files=tuple(
            CarriedFile(
                source=location_from_json(file.source),
                target=location_from_json(file.target),
                size_bytes=file.size_bytes,
                state=file.state,
                checksum=file.checksum,
            )
            for file in files
        ),
    )
