"""Removing what was carried: the sources when all is well, the targets when it is not. Both refuse when in doubt.

What names other files goes first (transfers carry it last): a disk of which half is deleted is no disk to anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.db import Json, transaction
from app.errors import CheckFailed
from app.secondary import proof, queries
from app.secondary.access import Places
from app.secondary.errors import FileBusy
from app.secondary.models import Transfer, TransferFile


def remove_sources(task_id: UUID) -> int:
    """Delete the sources of a transfer that is done; returns how many were there still.

    Everything is looked at before the first is deleted. Doing it again does no harm. Raises and deletes nothing when
    not every file was found equal (`CheckFailed`), a source is not any more what was read (`SourceChanged`) or a target
    not what was written (`CarriedOtherwise`); what places raise.
    """
    transfer, files = proof.transfer_of(task_id)
    proof.require_done(transfer, files)
    with Places() as places:
        left = proof.sources_left(places, files)
        if left:
            proof.require_targets(places, files)
        for file in reversed(left):
            place, path = places.at(file.source)
            place.delete(path)
    return len(left)


def sources_left(places: Places, files: Sequence[TransferFile]) -> int:
    """Count the sources that are still there: without one of them the targets are all that anybody has."""
    return sum(_is_there(places, file.source) for file in files)


def targets_left(places: Places, transfer: Transfer, files: Sequence[TransferFile]) -> int:
    """Count the transfer's own files that are still at their targets."""
    return sum(_is_there(places, file.target) for file in begun_by(transfer, files))


def _is_there(places: Places, location: Json) -> bool:
    place, path = places.at(location)
    try:
        return place.stat(path) is not None
    except FileBusy:
        return True  # as of a VM that runs


def remove_targets(task_id: UUID) -> int:
    """Delete what a transfer that is over has written to its targets; returns how many files were looked at.

    For a clean-up: the sources are still there, and what comes after the transfer cannot be done. Raises `CheckFailed`
    and deletes nothing while the transfer is under way, and when a source is gone; what places raise.
    """
    transfer, files = proof.transfer_of(task_id)
    if transfer.finished_at is None:
        raise CheckFailed([f"transfer {transfer.id} is {transfer.phase}: it is to be abandoned first"])
    with Places() as places:
        if sources_left(places, files) < len(files):
            raise CheckFailed(["a source is gone: no target is deleted"])
        return delete_targets(places, transfer, files)


def delete_targets(places: Places, transfer: Transfer, files: Sequence[TransferFile]) -> int:
    """Delete what was begun at targets and is still the transfer's own; returns how many files those are."""
    ours = begun_by(transfer, files)
    for file in reversed(ours):
        place, path = places.at(file.target)
        place.delete(path)
    return len(ours)


def begun_by(transfer: Transfer, files: Sequence[TransferFile]) -> list[TransferFile]:
    """Return the files whose upload was begun, and whose target no later transfer has made its own."""
    with transaction() as session:
        return [file for file in files if file.upload_begun and not queries.is_carried_anew(session, transfer, file)]
