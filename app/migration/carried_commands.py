"""The commands of storage migration: what is carried through secondary storage by our own workers, and what follows.

Which files these are is found out when the command is asked for, and written down with it. That they arrived is known
from the transfer, which read every one of them back (`app/secondary`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import assert_never
from uuid import UUID

from app.db import transaction
from app.errors import CheckFailed
from app.filepools.images import is_open_by_qemu
from app.hypervisors.commands import (
    CarriedCommand,
    Carry,
    CarryDisk,
    CarryImage,
    CarryVm,
    DiscardTargets,
    RemoveFolder,
    RemoveSources,
)
from app.jobs import outside
from app.jobs.leases import Claim
from app.migration.carried_files import Datastores, parcel_of_image, parcels_of_disk, parcels_of_vm
from app.migration.findings import Done, Finding, NotStarted, Unclear
from app.migration.programs import Asked
from app.secondary import proof, removal, stores, transfers
from app.secondary.access import Places
from app.secondary.errors import CarryError
from app.secondary.locations import FolderLocation, Parcel, location_from_json
from app.secondary.models import TransferPhase
from app.telemetry import logger
from app.vsphere import datastore_folders, file_users
from app.vsphere.paths import DatastorePath
from app.vsphere.session import Session

log = logger(__name__)


def prepare(vcenter: Session, command: CarriedCommand, history: Sequence[Asked], system_id: UUID) -> CarriedCommand:
    """Return the command with its files and its store, or with the transfer that it is about."""
    match command:
        case CarryDisk():
            parcels = parcels_of_disk(Datastores(vcenter, system_id, command.datacenter), command)
            return command.model_copy(update=_ordered(parcels))
        case CarryImage():
            return command.model_copy(update=_ordered([parcel_of_image(command)]))
        case CarryVm():
            parcels, vmx_path = parcels_of_vm(Datastores(vcenter, system_id, command.datacenter), command)
            return command.model_copy(update={**_ordered(parcels), "target_vmx_path": vmx_path})
        case RemoveSources() | DiscardTargets():
            carry = carried_by(history)
            carrying = carry.command if carry else None
            datacenter = carrying.datacenter if isinstance(carrying, CarryDisk | CarryVm) else None
            return command.model_copy(update={"carried_by": carry.task.id if carry else None, "datacenter": datacenter})
        case RemoveFolder():
            return _with_folder(command, carried_by(history))
        case _:
            assert_never(command)


def carried_by(history: Sequence[Asked]) -> Asked | None:
    """Return the newest command of an attempt that carries files."""
    return next((it for it in reversed(history) if isinstance(it.command, Carry)), None)


def hand_over(claim: Claim, task_id: UUID, command: Carry) -> None:
    """Order the transfer and let the job run, in one transaction: a carrier takes it from here."""
    if command.store is None:
        raise CheckFailed(["no secondary store was chosen"])
    with transaction() as session:
        parcels = [Parcel.model_validate(parcel) for parcel in command.parcels]
        transfers.begin(session, claim, task_id=task_id, store_id=command.store, parcels=parcels)
        outside.carried(session, claim, task_id, "waiting for a worker that carries files")


def carry_out(vcenter: Session, command: RemoveSources | DiscardTargets | RemoveFolder) -> str | None:
    """Do it at once, or return the reference of the task that does.

    Raises `CheckFailed` and what `app.secondary.removal` raises where something is not as it should be for that.
    """
    if isinstance(command, RemoveFolder):
        return _remove_folder(vcenter, command)
    if command.carried_by is None:
        return None
    used = _used(vcenter, command)
    if isinstance(command, DiscardTargets):
        if used:
            log.warning("job.targets_in_use", task_id=str(command.carried_by), what=used)
        else:
            removal.remove_targets(command.carried_by)
        return None
    if used:
        raise CheckFailed([f"{used}: no source is deleted"])
    removal.remove_sources(command.carried_by)
    return None


def look(vcenter: Session, command: CarriedCommand, task_id: UUID | None) -> Finding:
    """Find out what became of it; `task_id` is the outside task of a command that carries."""
    try:
        return _found(vcenter, command, task_id)
    except CarryError as trouble:
        return Unclear(str(trouble))


def _found(vcenter: Session, command: CarriedCommand, task_id: UUID | None) -> Finding:
    match command:
        case CarryDisk() | CarryImage() | CarryVm():
            return _look_at_transfer(task_id)
        case RemoveSources():
            return _look_for_sources(command)
        case DiscardTargets():
            return _look_for_targets(vcenter, command)
        case RemoveFolder():
            return _look_for_folder(vcenter, command)
        case _:
            assert_never(command)


def _ordered(parcels: Sequence[Parcel]) -> dict[str, object]:
    return {
        "parcels": tuple(parcel.model_dump(mode="json") for parcel in parcels),
        "store": stores.choose(sum(parcel.size_bytes for parcel in parcels)),
    }


def _look_at_transfer(task_id: UUID | None) -> Finding:
    with transaction() as session:
        state = transfers.state_of(session, task_id) if task_id else None
    if state is None or state.phase is TransferPhase.FAILED:
        return NotStarted()  # it is begun in the transaction that lets the job run; one that fails cleans up
    return Done() if state.phase is TransferPhase.DONE else Unclear("a worker is still carrying the files")


def _is_done(carried_by: UUID | None) -> bool:
    """Say whether there is a transfer that was done: one that failed has cleaned up, or a sweep will."""
    with transaction() as session:
        state = transfers.state_of(session, carried_by) if carried_by else None
    return state is not None and state.phase is TransferPhase.DONE


def _look_for_sources(command: RemoveSources) -> Finding:
    if command.carried_by is None or not _is_done(command.carried_by):
        return Done()
    _, files = proof.transfer_of(command.carried_by)
    with Places() as places:
        return NotStarted() if removal.sources_left(places, files) else Done()


def _look_for_targets(vcenter: Session, command: DiscardTargets) -> Finding:
    if command.carried_by is None or not _is_done(command.carried_by):
        return Done()
    transfer, files = proof.transfer_of(command.carried_by)
    with Places() as places:
        if removal.sources_left(places, files) < len(files):
            return Done()  # the targets are all that is left
        if not removal.targets_left(places, transfer, files):
            return Done()
    return Done() if _used(vcenter, command) else NotStarted()


def _used(vcenter: Session, command: RemoveSources | DiscardTargets) -> str:
    """Say which VM has some of the files that are to be deleted; empty when none has."""
    if command.carried_by is None:
        return ""
    _, files = proof.transfer_of(command.carried_by)
    which = "source" if isinstance(command, RemoveSources) else "target"
    locations = [location_from_json(getattr(file, which)) for file in files]
    for location in locations:
        if isinstance(location, FolderLocation):
            path = Path(location.root) / location.path
            if path.exists() and is_open_by_qemu(path):
                return f"a QEMU has {location} open"
    if command.datacenter is None:
        return ""
    users = file_users.users_of(vcenter, command.datacenter, map(str, locations))
    return "; ".join(f"VM {name} has {path}" for path, name in sorted(users.items()))


def _with_folder(command: RemoveFolder, carry: Asked | None) -> RemoveFolder:
    """Return the command with the folder that was carried from, or to, and with the name it gets while it goes."""
    if command.folder is not None or carry is None or not isinstance(carry.command, CarryVm):
        return command
    vmx = DatastorePath.parse((carry.command.vmx_path if command.emptied else carry.command.target_vmx_path) or "")
    if vmx is None or not vmx.folder.file:
        return command
    going = DatastorePath(vmx.datastore, f"{vmx.folder.file}.vrelocate-{str(carry.task.id)[:8]}")
    return command.model_copy(update={"folder": str(vmx.folder), "going": str(going)})


def _look_for_folder(vcenter: Session, command: RemoveFolder) -> Finding:
    folder, going = DatastorePath.parse(command.folder or ""), DatastorePath.parse(command.going or "")
    if folder is None or going is None:
        return Done()
    return NotStarted() if datastore_folders.is_left(vcenter, command.datacenter, folder, going) else Done()


def _remove_folder(vcenter: Session, command: RemoveFolder) -> str | None:
    folder, going = DatastorePath.parse(command.folder or ""), DatastorePath.parse(command.going or "")
    if folder is None or going is None:
        return None
    return datastore_folders.remove_if_empty(vcenter, command.datacenter, folder, going)
