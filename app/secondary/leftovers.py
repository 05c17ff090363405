"""What jobs that are over have left behind: their folders on secondary storage, and files at targets half written.

Only what the records say is ours is touched: the folder of a transfer that is known and over; a target whose upload
was begun, which no later transfer has made its own, and whose first bytes are those that we sent. Other folders are
told.

A transfer that is over is never carried again, and the next attempt's has a folder of its own. So a removal does no
harm however late it comes: whoever removes may stand still for an hour, or wait for a mount that hangs.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import func

from app.db import transaction
from app.errors import ResourceInUse, VrelocateError
from app.secondary import queries
from app.secondary.access import Places
from app.secondary.checksums import CHUNK_BYTES
from app.secondary.copying import local_name
from app.secondary.errors import StoreUnusable
from app.secondary.folders import FolderPlace
from app.secondary.models import SecondaryStore, Transfer, TransferFile, TransferPhase
from app.secondary.removal import begun_by
from app.secondary.stores import folder_of, seen_here
from app.telemetry import logger

log = logger(__name__)

_MOST = 50
"""Jobs a sweep looks at: the next one takes the rest."""
_GOING = ".going-"
"""How a folder is called while it is being removed."""


def clear(job_id: UUID) -> bool:
    """Remove what a job's transfers have left; `True` when nothing is left that this worker knows of.

    `False` when a store is not mounted here, or a place does not answer: the sweep tries again. Raises `ResourceInUse`
    while a transfer of the job is under way.
    """
    with transaction() as session:
        transfers = [it for it in queries.transfers_of(session, job_id) if it.cleared_at is None]
        if any(it.finished_at is None for it in transfers):
            raise ResourceInUse(f"a transfer of job {job_id} is under way")
        files = {it.id: list(queries.files_of(session, it.id)) for it in transfers}
        stores = {it.id: it for it in queries.stores(session)}
    cleared = True
    for transfer in transfers:
        try:
            if transfer.phase is TransferPhase.FAILED:
                _remove_partial_targets(transfer, files[transfer.id], stores[transfer.store_id])
            remove_folder(stores[transfer.store_id], transfer.id)
        except (VrelocateError, OSError) as trouble:
            log.warning("secondary.not_cleared", job_id=str(job_id), why=str(trouble))
            cleared = False
            continue
    return cleared


def sweep() -> int:
    """Clear away what jobs that are over have left; returns how many jobs that were. Several may sweep at once."""
    with transaction() as session:
        jobs = list(session.scalars(queries.OVER_AND_UNCLEARED, {"most": _MOST}))
    cleared = 0
    for job_id in jobs:
        try:
            cleared += clear(job_id)
        except ResourceInUse:
            continue  # it was begun anew meanwhile
    for store in seen_here()[0].values():
        _finish_removals(store)
    return cleared


def strangers(store: SecondaryStore) -> list[Path]:
    """Return the folders on a store that are no known transfer's: for people to look at, never removed."""
    found = []
    for folder in sorted(folder_of(store).iterdir()):
        if not folder.is_dir() or folder.name.startswith(_GOING):
            continue
        transfer_id = _transfer_id(folder.name)
        with transaction() as session:
            known = transfer_id is not None and session.get(Transfer, transfer_id) is not None
        if not known:
            found.append(folder)
    return found


def remove_folder(store: SecondaryStore, transfer_id: UUID) -> None:
    """Remove the folder of a transfer that is over, and write down that nothing is left of it.

    Raises `StoreUnusable`, `OSError`, and `ResourceInUse` while the transfer is under way.
    """
    with transaction() as session:
        if session.get_one(Transfer, transfer_id).finished_at is None:
            raise ResourceInUse(f"transfer {transfer_id} is under way")
    root = folder_of(store)
    # Renamed first: half of a folder is found by `_finish_removals`, whoever has forgotten whose it was.
    going = root / f"{_GOING}{uuid4()}"
    with suppress(FileNotFoundError):
        (root / str(transfer_id)).rename(going)
        shutil.rmtree(going)
    with transaction() as session:
        session.get_one(Transfer, transfer_id).cleared_at = func.now()


def _finish_removals(store: SecondaryStore) -> None:
    """Remove folders whose removal was interrupted."""
    try:
        root = folder_of(store)
    except StoreUnusable:
        return
    for folder in root.glob(f"{_GOING}*"):
        shutil.rmtree(folder, ignore_errors=True)  # perhaps somebody else is at it


def _remove_partial_targets(transfer: Transfer, files: list[TransferFile], store: SecondaryStore) -> None:
    ours = begun_by(transfer, files)
    if not ours:
        return
    local = folder_of(store) / str(transfer.id)
    with Places() as places:
        for file in ours:
            place, path = places.at(file.target)
            seen = place.stat(path)
            if seen is None:
                continue
            length = min(seen.size_bytes, CHUNK_BYTES)
            with place.reading(path, offset=0, length=length) as chunks:
                there = b"".join(chunks)
            if seen.size_bytes <= file.size_bytes and there == _sent(local, file, length):
                place.delete(path)
                log.info("secondary.target_removed", job_id=str(transfer.job_id), path=path)
            else:
                log.warning("secondary.target_is_not_ours", job_id=str(transfer.job_id), path=path)


def _sent(folder: Path, file: TransferFile, length: int) -> bytes | None:
    """Return the first bytes that were sent to a target; `None` when they are not known any more."""
    if not folder.is_dir():
        return None
    place = FolderPlace(folder)
    if place.stat(local_name(file)) is None:
        return None
    with place.reading(local_name(file), offset=0, length=length) as chunks:
        return b"".join(chunks)


def _transfer_id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
