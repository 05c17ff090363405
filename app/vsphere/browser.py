"""What lies on datastores: searches for VMDK files (HostDatastoreBrowser).

Each search is a task of vCenter's; all datastores are searched at the same time. Only descriptors are listed: vCenter
leaves extents (`-flat`, `-delta`, `-ctk`, …) out by itself, and what lets them through is filtered here.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import Any

from app.vsphere.bulk import read
from app.vsphere.collector import property_spec
from app.vsphere.errors import VCenterFault
from app.vsphere.facts import Datastore, DiskFormat, LooseDisk, TaskSnapshot
from app.vsphere.paths import DatastorePath
from app.vsphere.pyvmomi import VimObject, utc, vim
from app.vsphere.session import Session
from app.vsphere.soap import UNREADABLE
from app.vsphere.task_end import end_of, ends_of, result_of

log = logging.getLogger(__name__)

SEARCH_TIMEOUT_SECONDS = 300.0
"""A datastore whose search takes longer counts as not searched."""

_EXTENT = re.compile(r"-(flat|delta|ctk|rdm|rdmp|sesparse|s\d{3}|f\d{3})\.vmdk$", re.IGNORECASE)
_KIB = 1024
_FAILED: tuple[type[Exception], ...] = (VCenterFault, *UNREADABLE)


def vmdks_on(session: Session, datastores: Iterable[Datastore]) -> dict[str, list[LooseDisk]]:
    """Return every VMDK descriptor of these datastores, by datastore; they may well belong to VMs.

    Datastores that cannot be searched, or not within `SEARCH_TIMEOUT_SECONDS`, are left out, and logged.
    """
    asked = {datastore.moref: datastore for datastore in datastores if datastore.accessible}
    browsers = {
        moref: found.properties["browser"]
        for moref, found in read(
            session, [("Datastore", moref) for moref in asked], [property_spec(vim.Datastore, ["browser"])]
        ).items()
        if "browser" in found.properties
    }
    searches = {}
    for moref, browser in browsers.items():
        root = DatastorePath(asked[moref].name, "")
        try:
            searches[_start(session, browser, root, "*.vmdk", deep=True)] = asked[moref]
        except VCenterFault as refused:
            log.warning("datastore %s is not searched: %s", asked[moref].name, refused)
    ended = ends_of(session, searches, timeout_seconds=SEARCH_TIMEOUT_SECONDS)
    listed = {}
    for task, datastore in searches.items():
        try:
            listed[datastore.moref] = list(_files(_result(session, ended[task]), datastore))
        except _FAILED as refused:
            log.warning("datastore %s could not be searched: %s", datastore.name, refused)
    return listed


def vmdk_at(session: Session, browser: str, datastore: Datastore, path: DatastorePath) -> LooseDisk | None:
    """Return the VMDK descriptor at exactly `path`; None when neither it nor perhaps its folder exists.

    Raises `VCenterFault` when the datastore cannot be looked at: then it is not known.
    """
    # vcsim reads brackets as a pattern; what else the pattern lets through is filtered by the exact name below.
    pattern = re.sub(r"[\[\]\\]", "?", path.name)
    task = _start(session, browser, path.folder, pattern, deep=False)
    try:
        result = _result(session, end_of(session, task))
    except VCenterFault as refused:
        if refused.fault.name == "FileNotFound":
            return None
        raise
    return next((disk for disk in _files(result, datastore) if DatastorePath.parse(disk.path) == path), None)


def _start(session: Session, browser: str, folder: DatastorePath, pattern: str, *, deep: bool) -> str:
    """Start one search; sending it twice does no harm."""
    details = vim.host.DatastoreBrowser.VmDiskQuery.Details(
        diskType=True, capacityKb=True, thin=True, hardwareVersion=False, controllerType=False
    )
    spec = vim.host.DatastoreBrowser.SearchSpec(
        query=[vim.host.DatastoreBrowser.VmDiskQuery(details=details)],
        details=vim.host.DatastoreBrowser.FileInfo.Details(
            fileType=True, fileSize=True, modification=True, fileOwner=False
        ),
        matchPattern=[pattern],
        searchCaseInsensitive=deep,
        sortFoldersFirst=False,
    )

    def submit(_content: VimObject) -> str:
        place = session.moref("HostDatastoreBrowser", browser)
        search: Callable[..., Any] = place.SearchDatastoreSubFolders_Task if deep else place.SearchDatastore_Task
        return str(search(datastorePath=str(folder), searchSpec=spec)._moId)  # noqa: SLF001  # no public name

    return session.call(submit)


def _result(session: Session, ended: TaskSnapshot) -> list[VimObject]:
    """Return what a search found, folder by folder; raises as `result_of` does."""
    result = result_of(session, ended, "the search of the datastore")
    return list(result) if isinstance(result, list) else [result]


def _files(folders: Iterable[VimObject], datastore: Datastore) -> Iterable[LooseDisk]:
    for folder in folders:
        place = DatastorePath.parse(folder.folderPath)
        if place is None:
            continue
        for file in folder.file or []:
            if _EXTENT.search(file.path) or not file.path.lower().endswith(".vmdk"):
                continue
            capacity_kib = getattr(file, "capacityKb", None)
            thin = getattr(file, "thin", None)
            yield LooseDisk(
                path=str(place / file.path),
                datastore_moref=datastore.moref,
                datacenter_moref=datastore.datacenter_moref,
                capacity_bytes=None if capacity_kib is None else capacity_kib * _KIB,
                physical_bytes=file.fileSize,
                thin=thin,
                uuid=None,
                modified_at=utc(file.modification),
                format=DiskFormat.THIN if thin else None,
            )
