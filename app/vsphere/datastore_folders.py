"""Folders of datastores that have become empty (FileManager).

vSphere has no call that removes a folder only if it is empty: DeleteDatastoreFile_Task takes a folder with all that is
in it. So it gets another name first, under which nobody else will put anything into it; what was put into it before is
seen under that name, and then it gets its own back.
"""

from __future__ import annotations

from app.vsphere.datastore_listing import names_in
from app.vsphere.disks import delete_file
from app.vsphere.paths import DatastorePath
from app.vsphere.pyvmomi import VimObject
from app.vsphere.session import Session
from app.vsphere.task_end import end_of, require_success


def is_left(session: Session, datacenter: str, folder: DatastorePath, going: DatastorePath) -> bool:
    """Say whether there is something for `remove_if_empty` to do."""
    return names_in(session, datacenter, folder) == [] or names_in(session, datacenter, going) is not None


def remove_if_empty(session: Session, datacenter: str, folder: DatastorePath, going: DatastorePath) -> str | None:
    """Start deleting a folder if nothing is in it; return the reference of vCenter's task, `None` when there is none.

    `going` is what it is called while it is being removed, beside itself; whoever was interrupted calls this again.
    Raises `VCenterFault` (on vSAN and vVols a folder at the top cannot be renamed: it stays).
    """
    if names_in(session, datacenter, folder) == [] and names_in(session, datacenter, going) is None:
        _rename(session, datacenter, folder, going)
    found = names_in(session, datacenter, going)
    if found is None:
        return None
    if found:
        _rename(session, datacenter, going, folder)
        return None
    return delete_file(session, str(going), datacenter)


def _rename(session: Session, datacenter: str, old: DatastorePath, new: DatastorePath) -> None:
    def submit(content: VimObject) -> str:
        within = session.moref("Datacenter", datacenter)
        task = content.fileManager.MoveDatastoreFile_Task(
            sourceName=str(old),
            sourceDatacenter=within,
            destinationName=str(new),
            destinationDatacenter=within,
            force=False,
        )
        return str(task._moId)  # noqa: SLF001  # the reference value has no public name in pyVmomi

    require_success(end_of(session, session.call(submit, idempotent=False)), f"giving {old} the name {new}")
