"""First Class Disks (VStorageObject), by the manager that vCenter itself has for them (since vSphere 6.5)."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from app.vsphere.errors import VCenterFault
from app.vsphere.facts import DiskFormat, FirstClassDisk
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.session import Session

log = logging.getLogger(__name__)

_MIB = 1024 * 1024
_FORMATS = {
    "thin": DiskFormat.THIN,
    "lazyZeroedThick": DiskFormat.THICK,
    "eagerZeroedThick": DiskFormat.EAGER,
}
"""BaseConfigInfoDiskFileBackingInfoProvisioningType."""
_PROVISIONING_TYPES = {known: name for name, known in _FORMATS.items()}
_NOT_HERE = {"NotFound", "FileNotFound"}


def first_class_disks(session: Session, datastore_moref: str) -> list[FirstClassDisk]:
    """Return the First Class Disks that vCenter's catalog has on a datastore; none for a vCenter without the manager.

    Each is one more call. What cannot be read (the catalog outlives files that somebody deleted) is left out, and
    logged. Raises `ManagedObjectGone` or `VCenterFault` (InvalidDatastore) when the datastore's catalog cannot be read.
    """
    if session.content.vStorageObjectManager is None:
        return []

    def ask(content: VimObject) -> list[str]:
        datastore = session.moref("Datastore", datastore_moref)
        return [listed.id for listed in content.vStorageObjectManager.ListVStorageObject(datastore=datastore)]

    found = []
    for disk_id in session.call(ask):
        try:
            found.append(_read(session, disk_id, datastore_moref))
        except VCenterFault as refused:
            log.warning("first class disk %s on %s could not be read: %s", disk_id, datastore_moref, refused)
    return found


def find_first_class_disk(session: Session, disk_id: str, datastores: Iterable[str]) -> FirstClassDisk | None:
    """Return the disk, which is on one of `datastores`; None when it is on none of them.

    Raises `ManagedObjectGone` or `VCenterFault` (InvalidDatastore) when one of them cannot be asked.
    """
    if session.content.vStorageObjectManager is None:
        return None
    for datastore in datastores:
        try:
            return _read(session, disk_id, datastore)
        except VCenterFault as refused:
            if refused.fault.name not in _NOT_HERE:
                raise
    return None


def relocate_first_class_disk(
    session: Session,
    *,
    disk_id: str,
    source_datastore: str,
    target_datastore: str,
    disk_format: DiskFormat | None,
) -> str:
    """Start moving a detached First Class Disk to another datastore; return the reference of vCenter's task.

    `disk_format` is what it is to be there, so name what it is; None leaves that to vCenter. Its id stays, its path is
    vCenter's choice: read it afterwards (`find_first_class_disk`). One that a VM has fails the task with InvalidState.

    Raises `ManagedObjectGone`, `VCenterFault` when vCenter refuses, and `ReplyLost` when it is not known whether the
    task was started.
    """

    def submit(content: VimObject) -> str:
        backing = vim.vslm.CreateSpec.DiskFileBackingSpec(datastore=session.moref("Datastore", target_datastore))
        if disk_format is not None:
            backing.provisioningType = _PROVISIONING_TYPES[disk_format]
        task = content.vStorageObjectManager.RelocateVStorageObject_Task(
            id=vim.vslm.ID(id=disk_id),
            datastore=session.moref("Datastore", source_datastore),
            spec=vim.vslm.RelocateSpec(backingSpec=backing),
        )
        return str(task._moId)  # noqa: SLF001  # the reference value has no public name in pyVmomi

    return session.call(submit, idempotent=False)


def _read(session: Session, disk_id: str, datastore_moref: str) -> FirstClassDisk:
    told = session.call(
        lambda content: (
            content.vStorageObjectManager.RetrieveVStorageObject(
                id=vim.vslm.ID(id=disk_id), datastore=session.moref("Datastore", datastore_moref)
            ).config
        )
    )
    backing = told.backing
    return FirstClassDisk(
        id=told.id.id,
        name=told.name,
        path=backing.filePath,
        datastore_moref=backing.datastore._moId,  # noqa: SLF001  # the reference value has no public name in pyVmomi
        capacity_bytes=told.capacityInMB * _MIB,
        format=_FORMATS.get(getattr(backing, "provisioningType", "")),
        consumers=tuple(consumer.id for consumer in told.consumerId or []),
    )
