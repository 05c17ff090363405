"""The commands of storage migration: what is carried through secondary storage by our own workers, and what follows.

Which files these are is found out when the command is asked for, and written down with it. That they arrived is known
from the transfer, which read every one of them back (`app/secondary`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import assert_never
from uuid import UUID

from app.db import transaction
from app.errors import CheckFailed, NotFound
from app.hypervisors.commands import (
    CarriedCommand,
    Carry,
    CarryDisk,
    CarryImage,
    CarryVm,
    DiscardTargets,
    RemoveSources,
)
from app.jobs import outside
from app.jobs.leases import Claim
from app.migration.findings import Done, Finding, NotStarted, Unclear
from app.migration.programs import Asked
from app.secondary import removal, stores, transfers
from app.secondary.access import Places
from app.secondary.locations import DatastoreLocation, FolderLocation, Parcel
from app.secondary.models import TransferPhase
from app.vsphere import datastore_listing, inventory, registration
from app.vsphere.paths import DatastorePath
from app.vsphere.session import Session

_EXTENT = re.compile(r'^(?:RW|RDONLY|NOACCESS)\s+\d+\s+\w+\s+"([^"]+)"', re.MULTILINE)
"""An extent line of a descriptor: `RW 131072 VMFS "data-flat.vmdk"` (Virtual Disk Format 5.0)."""
_EXTENT_NAME = re.compile(r"-(flat|delta|ctk|sesparse|s\d{3}|f\d{3})\.vmdk$")
_LONGEST_DESCRIPTOR_BYTES = 1 << 20
_MOST_NAMES = 20


def prepare(vcenter: Session, command: CarriedCommand, history: Sequence[Asked], system_id: UUID) -> CarriedCommand:
    """Return the command with its files and its store, or with the transfer that it is about."""
    match command:
        case CarryDisk():
            parcels = _parcels_of_disk(_Datastores(vcenter, system_id, command.datacenter), command)
            return command.model_copy(update=_ordered(parcels))
        case CarryImage():
            return command.model_copy(update=_ordered([_parcel_of_image(command)]))
        case CarryVm():
            parcels, vmx_path = _parcels_of_vm(_Datastores(vcenter, system_id, command.datacenter), command)
            return command.model_copy(update={**_ordered(parcels), "target_vmx_path": vmx_path})
        case RemoveSources() | DiscardTargets():
            carried = [it.task.id for it in history if isinstance(it.command, Carry)]
            return command.model_copy(update={"carried_by": carried[-1] if carried else None})
        case _:
            assert_never(command)


def hand_over(claim: Claim, task_id: UUID, command: Carry) -> None:
    """Order the transfer and let the job run, in one transaction: a carrier takes it from here."""
    if command.store is None:
        raise CheckFailed(["no secondary store was chosen"])
    with transaction() as session:
        parcels = [Parcel.model_validate(parcel) for parcel in command.parcels]
        transfers.begin(session, claim, task_id=task_id, store_id=command.store, parcels=parcels)
        outside.carried(session, claim, task_id, "waiting for a worker that carries files")


def carry_out(command: RemoveSources | DiscardTargets) -> None:
    """Do what is done at once. Raises `CheckFailed` where something is not as it should be for that."""
    if command.carried_by is None:
        return
    if isinstance(command, RemoveSources):
        removal.remove_sources(command.carried_by)
    else:
        removal.remove_targets(command.carried_by)


def look(vcenter: Session, command: CarriedCommand, task_id: UUID | None) -> Finding:
    """Find out what became of it; `task_id` is the outside task of a command that carries."""
    match command:
        case CarryDisk() | CarryImage() | CarryVm():
            return _look_at_transfer(task_id)
        case RemoveSources():
            return _look_for_files(command.carried_by, sources=True)
        case DiscardTargets():
            if command.instance_uuid and _is_registered_with(vcenter, command):
                return Done()  # in use: not ours to delete
            return _look_for_files(command.carried_by, sources=False)
        case _:
            assert_never(command)


def _look_at_transfer(task_id: UUID | None) -> Finding:
    with transaction() as session:
        state = transfers.state_of(session, task_id) if task_id else None
    if state is None or state.phase is TransferPhase.FAILED:
        return NotStarted()  # it is begun in the transaction that lets the job run; one that fails cleans up
    return Done() if state.phase is TransferPhase.DONE else Unclear("a worker is still carrying the files")


def _look_for_files(carried_by: UUID | None, *, sources: bool) -> Finding:
    with transaction() as session:
        state = transfers.state_of(session, carried_by) if carried_by else None
    if state is None or state.phase is TransferPhase.FAILED:
        return Done()
    with Places() as places:
        for file in state.files:
            place, path = places.at((file.source if sources else file.target).model_dump(mode="json"))
            if place.stat(path) is not None:
                return NotStarted()
    return Done()


def _is_registered_with(vcenter: Session, command: DiscardTargets) -> bool:
    """Say whether the VM is registered, and has its configuration among the targets."""
    moref = registration.find_vm_by_instance_uuid(vcenter, command.instance_uuid or "")
    if moref is None or command.carried_by is None:
        return False
    with transaction() as session:
        state = transfers.state_of(session, command.carried_by)
    targets = {str(file.target) for file in state.files} if state else set()
    return inventory.read_vm(vcenter, moref).vm_path_name in targets


class _Datastores:
    """Where the files of one datacenter are, in the words of locations."""

    def __init__(self, vcenter: Session, system_id: UUID, datacenter: str) -> None:
        self.vcenter = vcenter
        self.datacenter = datacenter
        self._system_id = system_id
        self._datacenter_path = datastore_listing.datacenter_path(vcenter, datacenter)

    def at(self, path: DatastorePath) -> DatastoreLocation:
        return DatastoreLocation(
            vcenter_id=self._system_id,
            datacenter_path=self._datacenter_path,
            datastore=path.datastore,
            path=path.file,
        )


def _ordered(parcels: Sequence[Parcel]) -> dict[str, object]:
    return {
        "parcels": tuple(parcel.model_dump(mode="json") for parcel in parcels),
        "store": stores.choose(sum(parcel.size_bytes for parcel in parcels)),
    }


def _parcels_of_disk(datastores: _Datastores, command: CarryDisk) -> list[Parcel]:
    source, target = _parsed(command.source_path), _parsed(command.target_path)
    with Places() as places:
        place, path = places.at(datastores.at(source).model_dump(mode="json"))
        seen = place.stat(path)
        if seen is None:
            raise NotFound(f"disk {source} is not there any more: sync the vCenter and look for it")
        with place.reading(path, offset=0, length=min(seen.size_bytes, _LONGEST_DESCRIPTOR_BYTES)) as chunks:
            descriptor = b"".join(chunks).decode(errors="replace")
        sizes = {}
        for name in _EXTENT.findall(descriptor):
            place, path = places.at(datastores.at(source.folder / name).model_dump(mode="json"))
            extent = place.stat(path)
            if extent is None:
                raise NotFound(f"disk {source} has no extent {name}: it cannot be copied")
            sizes[name] = extent.size_bytes
    # The descriptor last: one that is there says that its extents are.
    sizes[source.name] = seen.size_bytes
    return [
        Parcel(
            source=datastores.at(source.folder / name),
            target=datastores.at(target.folder / name),
            size_bytes=size_bytes,
        )
        for name, size_bytes in sizes.items()
    ]


def _parcel_of_image(command: CarryImage) -> Parcel:
    source = FolderLocation(root=command.source_root, path=_parsed(command.source_path).file)
    target = FolderLocation(root=command.target_root, path=_parsed(command.target_path).file)
    with Places() as places:
        place, path = places.at(source.model_dump(mode="json"))
        seen = place.stat(path)
    if seen is None:
        raise NotFound(f"disk image {source} is not there any more: sync, and look for it")
    return Parcel(source=source, target=target, size_bytes=seen.size_bytes)


def _parcels_of_vm(datastores: _Datastores, command: CarryVm) -> tuple[list[Parcel], str]:
    """List everything in the VM's folder, and choose a folder on the target that nobody has."""
    vmx = _parsed(command.vmx_path)
    files = datastore_listing.files_in(datastores.vcenter, datastores.datacenter, vmx.folder)
    target = _free_folder(datastores, DatastorePath(command.target, vmx.folder.file))
    parcels = [
        Parcel(
            source=datastores.at(vmx.folder / file.name),
            target=datastores.at(target / file.name),
            size_bytes=file.size_bytes,
        )
        # What names others comes behind them: descriptors behind extents, the configuration behind all.
        for file in sorted(files, key=lambda file: (file.name.endswith(".vmx"), _is_descriptor(file.name)))
    ]
    return parcels, str(target / vmx.name)


def _is_descriptor(name: str) -> bool:
    return name.endswith(".vmdk") and not _EXTENT_NAME.search(name)


def _free_folder(datastores: _Datastores, wanted: DatastorePath) -> DatastorePath:
    """Return the folder, or with a number behind its name, as vCenter does."""
    for name in (wanted.file, *(f"{wanted.file}_{number}" for number in range(1, _MOST_NAMES + 1))):
        folder = DatastorePath(wanted.datastore, name)
        if not datastore_listing.files_in(datastores.vcenter, datastores.datacenter, folder):
            return folder
    raise CheckFailed([f"{wanted} and {_MOST_NAMES} folders of that name with a number exist: remove some"])


def _parsed(path: str) -> DatastorePath:
    parsed = DatastorePath.parse(path)
    if parsed is None:
        raise NotFound(f"{path!r} is no path of a file on a datastore")
    return parsed
