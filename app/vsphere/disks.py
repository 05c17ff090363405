"""Detached disks: VMDK files that belong to no VM (VirtualDiskManager, FileManager)."""

from __future__ import annotations

from app.errors import InvalidParameter
from app.vsphere.errors import VCenterFault
from app.vsphere.paths import DatastorePath
from app.vsphere.pyvmomi import VimObject
from app.vsphere.session import Session
from app.vsphere.uuids import canonical_uuid


def move_disk(
    session: Session, *, source_path: str, source_datacenter: str, target_path: str, target_datacenter: str
) -> str:
    """Start moving a virtual disk with all of its extents; return the reference of vCenter's task.

    Paths are datastore paths of the descriptor, `[ds] dir/x.vmdk`; the target's folder must exist (`make_directory`),
    and nothing is ever overwritten: an existing target fails the task with FileAlreadyExists.

    Raises `VCenterFault` when vCenter refuses, and `ReplyLost` when it is not known whether the task was started.
    """

    def submit(content: VimObject) -> str:
        task = content.virtualDiskManager.MoveVirtualDisk_Task(
            sourceName=source_path,
            sourceDatacenter=session.moref("Datacenter", source_datacenter),
            destName=target_path,
            destDatacenter=session.moref("Datacenter", target_datacenter),
            force=False,
        )
        return str(task._moId)  # noqa: SLF001  # the reference value has no public name in pyVmomi

    return session.call(submit, idempotent=False)


def delete_disk(session: Session, path: str, datacenter: str) -> str:
    """Start deleting the virtual disk at `path` with all of its extents; return the reference of vCenter's task.

    A disk that is not there fails the task with FileNotFound. Raises `VCenterFault` when vCenter refuses, and
    `ReplyLost` when it is not known whether the task was started.
    """

    def submit(content: VimObject) -> str:
        task = content.virtualDiskManager.DeleteVirtualDisk_Task(
            name=path, datacenter=session.moref("Datacenter", datacenter)
        )
        return str(task._moId)  # noqa: SLF001  # the reference value has no public name in pyVmomi

    return session.call(submit, idempotent=False)


def delete_file(session: Session, path: str, datacenter: str) -> str:
    """Start deleting a file, or a folder with everything in it; return the reference of vCenter's task.

    A virtual disk alone is better deleted by `delete_disk`, which knows its extents. What is not there fails the task
    with FileNotFound. Raises `InvalidParameter` for what is no path and for what could be a datastore as a whole,
    `VCenterFault` when vCenter refuses, and `ReplyLost` when it is not known whether the task was started.
    """
    named = DatastorePath.parse(path)
    if named is None or not named.file or {".", ".."} & set(named.file.split("/")):
        raise InvalidParameter(f"{path!r} is not deleted: [datastore] folder or [datastore] folder/file is expected")

    def submit(content: VimObject) -> str:
        task = content.fileManager.DeleteDatastoreFile_Task(
            name=path, datacenter=session.moref("Datacenter", datacenter)
        )
        return str(task._moId)  # noqa: SLF001  # the reference value has no public name in pyVmomi

    return session.call(submit, idempotent=False)


def make_directory(session: Session, path: str, datacenter: str) -> None:
    """Make the folder `[ds] a/b` and those above it; one that exists already is fine.

    Raises `VCenterFault`. vSAN and vVol datastores do not take folders at their top level this way.
    """
    try:
        session.call(
            lambda content: content.fileManager.MakeDirectory(
                name=path, datacenter=session.moref("Datacenter", datacenter), createParentDirectories=True
            )
        )
    except VCenterFault as refused:
        if refused.fault.name != "FileAlreadyExists":
            raise


def query_uuid(session: Session, path: str, datacenter: str) -> str:
    """Return the uuid of the virtual disk at `path`, in the form that attached disks show it (`Disk.uuid`).

    It is kept in the descriptor and survives moves. Raises `VCenterFault` (FileNotFound, FileLocked, …).
    """
    spoken: str = session.call(
        lambda content: content.virtualDiskManager.QueryVirtualDiskUuid(
            name=path, datacenter=session.moref("Datacenter", datacenter)
        )
    )
    return canonical_uuid(spoken)
