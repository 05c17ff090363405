"""Removing what was carried: the sources when all is well, the targets when it is not. Both refuse when in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.db import transaction
from app.errors import CheckFailed, NotFound
from app.secondary import queries
from app.secondary.access import Places
from app.secondary.models import FileState, Transfer, TransferFile, TransferPhase


def remove_sources(task_id: UUID) -> int:
    """Delete the sources of a transfer that is done; returns how many were there still.

    Every source is looked at before the first is deleted. Doing it again does no harm. Raises `CheckFailed` and deletes
    nothing when not every file was found equal, or a source is not any more what was read; what places raise.
    """
    transfer, files = _found(task_id)
    if transfer.phase is not TransferPhase.DONE or any(file.state is not FileState.EQUAL for file in files):
        raise CheckFailed([f"transfer {transfer.id} is {transfer.phase}: its sources are not to be deleted"])
    with Places() as places:
        there = []
        for file in files:
            place, path = places.at(file.source)
            seen = place.stat(path)
            if seen is None:
                continue
            if (seen.size_bytes, seen.version or "") != (file.size_bytes, file.source_version):
                raise CheckFailed([f"{path} was changed after it was copied: no source is deleted"])
            there.append((place, path))
        for place, path in there:
            place.delete(path)
    return len(there)


def remove_targets(task_id: UUID) -> int:
    """Delete what a transfer that is over has written to its targets; returns how many files were looked at.

    For a clean-up: the sources are still there, and what comes after the transfer cannot be done. Raises `CheckFailed`
    and deletes nothing while the transfer is under way, and when a source is gone; what places raise.
    """
    transfer, files = _found(task_id)
    if transfer.finished_at is None:
        raise CheckFailed([f"transfer {transfer.id} is {transfer.phase}: it is to be abandoned first"])
    with Places() as places:
        for file in files:
            place, path = places.at(file.source)
            if place.stat(path) is None:
                raise CheckFailed([f"{path}, the source, is gone: no target is deleted"])
        return delete_targets(places, transfer, files)


def delete_targets(places: Places, transfer: Transfer, files: Sequence[TransferFile]) -> int:
    """Delete what was begun at targets and is still the transfer's own; returns how many files those are."""
    ours = begun_by(transfer, files)
    for file in ours:
        place, path = places.at(file.target)
        place.delete(path)
    return len(ours)


def begun_by(transfer: Transfer, files: Sequence[TransferFile]) -> list[TransferFile]:
    """Return the files whose upload was begun, and whose target no later transfer has made its own."""
    with transaction() as session:
        return [file for file in files if file.upload_begun and not queries.is_carried_anew(session, transfer, file)]


def _found(task_id: UUID) -> tuple[Transfer, list[TransferFile]]:
    with transaction() as session:
        transfer = queries.transfer_of(session, task_id)
        if transfer is None:
            raise NotFound(f"outside task {task_id} has no transfer")
        return transfer, list(queries.files_of(session, transfer.id))
