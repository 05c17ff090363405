"""What lies in a folder of a datastore, every file of it (HostDatastoreBrowser); how `/folder` names a datacenter."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from app.vsphere.bulk import read
from app.vsphere.collector import property_spec, traversal
from app.vsphere.entities import DATASTORE, ancestors, plain_name
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.paths import DatastorePath
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.session import Session
from app.vsphere.task_end import end_of, result_of


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file in a folder."""

    name: str
    size_bytes: int
    """What the datastore browser says of it: of a thin extent that may be what it takes, and not how long it is."""


def datacenter_path(session: Session, datacenter_moref: str) -> str:
    """Return the inventory path of a datacenter, `dc1` or `folder/dc1`: the `dcPath` of `/folder`.

    Raises `ManagedObjectGone` when there is no such datacenter.
    """
    found = read(
        session,
        [("Datacenter", datacenter_moref)],
        [property_spec(vim.Datacenter, ["name", "parent"]), property_spec(vim.Folder, ["name", "parent"])],
        select=[ancestors("up")],
    )
    names: list[str] = []
    moref: str | None = datacenter_moref
    while moref is not None and moref in found:
        above = found[moref].properties.get("parent")
        if above is not None:  # the root folder is in no path
            names.append(found[moref].properties["name"])
        moref = above
    if not names:
        raise ManagedObjectGone("Datacenter", datacenter_moref)
    return "/".join(reversed(names))


def files_in(session: Session, datacenter_moref: str, folder: DatastorePath) -> list[ListedFile]:
    """Return every file in a folder, extents of disks and logs too; not those in folders below, by name.

    A folder that is not there has no files. Raises `ManagedObjectGone` for a datastore that the datacenter does not
    have, and `VCenterFault` when it cannot be looked at.
    """
    return sorted(
        (
            ListedFile(file.path, int(file.fileSize or 0))
            for file in _entries(session, datacenter_moref, folder) or []
            if not isinstance(file, vim.host.DatastoreBrowser.FolderInfo)
        ),
        key=lambda file: file.name,
    )


def names_in(session: Session, datacenter_moref: str, folder: DatastorePath) -> list[str] | None:
    """Return the names of all files and folders in a folder; `None` when it is not there. Raises as `files_in`."""
    entries = _entries(session, datacenter_moref, folder)
    return None if entries is None else sorted(entry.path for entry in entries)


def _entries(session: Session, datacenter_moref: str, folder: DatastorePath) -> list[VimObject] | None:
    found = datastores_named(session, datacenter_moref, {folder.datastore})
    if not found:
        raise ManagedObjectGone(DATASTORE, folder.datastore)
    browser = next(iter(found.values()))
    # "If this query object is not present, then all files providing only file level details are matched"
    # (HostDatastoreBrowserSearchSpec.query): a query for disks would hide their extents.
    spec = vim.host.DatastoreBrowser.SearchSpec(
        details=vim.host.DatastoreBrowser.FileInfo.Details(
            fileType=True, fileSize=True, modification=False, fileOwner=False
        ),
        matchPattern=["*"],  # as without it; vcsim then matches nothing
    )

    def submit(_content: VimObject) -> str:
        search: Callable[..., Any] = session.moref("HostDatastoreBrowser", browser).SearchDatastore_Task
        return str(search(datastorePath=str(folder), searchSpec=spec)._moId)  # noqa: SLF001  # no public name

    ended = end_of(session, session.call(submit))
    if ended.fault is not None and ended.fault.name == "FileNotFound":
        return None
    return list(result_of(session, ended, f"the search of {folder}").file or [])


def datastores_named(session: Session, datacenter_moref: str, names: Collection[str]) -> dict[str, str]:
    """Return the datastores of a datacenter that have these names, with the browser of each, by reference.

    Raises `ManagedObjectGone` when there is no such datacenter.
    """
    found = read(
        session,
        [("Datacenter", datacenter_moref)],
        [property_spec(vim.Datacenter, ["name"]), property_spec(vim.Datastore, ["summary", "browser"])],
        select=[traversal(vim.Datacenter, "datastore", name="datastores")],
    )
    return {
        moref: str(thing.properties["browser"])
        for moref, thing in found.items()
        if thing.kind == DATASTORE and plain_name(thing.properties["summary"].text("name") or "") in names
    }
