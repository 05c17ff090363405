"""What has to be so still before anything is relied on, or deleted: the targets are whole, the sources what was read.

A transfer that is done has proved both. But minutes may pass before it is acted on, and others have hands too.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.db import transaction
from app.errors import CheckFailed, NotFound
from app.secondary import queries
from app.secondary.access import Places
from app.secondary.errors import CarriedOtherwise, SourceChanged
from app.secondary.models import FileState, Transfer, TransferFile, TransferPhase

_REWRITTEN = (".vmx", ".vmxf", ".vmsd", ".nvram", ".log")
"""Files of a VM that a host writes anew when the VM is registered: their length says nothing any more."""


def transfer_of(task_id: UUID) -> tuple[Transfer, list[TransferFile]]:
    """Return the transfer of an outside task with its files; raises `NotFound`."""
    with transaction() as session:
        transfer = queries.transfer_of(session, task_id)
        if transfer is None:
            raise NotFound(f"outside task {task_id} has no transfer")
        return transfer, list(queries.files_of(session, transfer.id))


def require_done(transfer: Transfer, files: Sequence[TransferFile]) -> None:
    """Raise `CheckFailed` unless every file was read back from its target and found equal."""
    if transfer.phase is not TransferPhase.DONE or any(file.state is not FileState.EQUAL for file in files):
        raise CheckFailed(
            [f"transfer {transfer.id} is {transfer.phase}: nothing can be relied on that it was to carry"]
        )


def require_both(task_id: UUID) -> None:
    """Require a transfer that is done to be so still: all sources unchanged, all targets whole."""
    transfer, files = transfer_of(task_id)
    require_done(transfer, files)
    with Places() as places:
        require_targets(places, files)
        if len(sources_left(places, files)) < len(files):
            raise SourceChanged("some of what was copied is not where it was any more")


def sources_left(places: Places, files: Sequence[TransferFile]) -> list[TransferFile]:
    """Return the files whose sources are still there; raises `SourceChanged` when one is not what was read."""
    left = []
    for file in files:
        place, path = places.at(file.source)
        seen = place.stat(path)
        if seen is None:
            continue
        if (seen.size_bytes, seen.version or "") != (file.size_bytes, file.source_version):
            raise SourceChanged(f"{path} was changed after it was copied")
        left.append(file)
    return left


def require_targets(places: Places, files: Sequence[TransferFile]) -> None:
    """Raise `CarriedOtherwise` when a target is gone, or not as long as it was when it was read back."""
    for file in files:
        place, path = places.at(file.target)
        seen = place.stat(path)
        if seen is None:
            raise CarriedOtherwise(f"{path} was copied and read back, and is not there any more")
        if seen.size_bytes != file.size_bytes and not path.endswith(_REWRITTEN):
            raise CarriedOtherwise(f"{path} was copied and read back, and has {seen.size_bytes} bytes now")
