"""Which registered VMs have some files: nothing is deleted that one of them has, whether it runs or not.

Of a VM that is off, vCenter lets anybody delete the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.vsphere.bulk import read
from app.vsphere.collector import property_spec, traversal
from app.vsphere.datastore_listing import datastores_named
from app.vsphere.devices import disks_among
from app.vsphere.entities import DATASTORE, plain_name
from app.vsphere.paths import DatastorePath
from app.vsphere.pyvmomi import vim
from app.vsphere.session import Session

_VM_PATHS = ["name", "summary.config.vmPathName", "config.hardware.device", "layoutEx.file"]


def users_of(session: Session, datacenter: str, paths: Iterable[str]) -> dict[str, str]:
    """Return, for each of the files `[datastore] folder/file` that a VM has, the name of that VM.

    A VM whose files vCenter cannot list now (its host or its storage is away) has all that is in its folder. Raises
    `ManagedObjectGone` when there is no such datacenter.
    """
    asked = {path: parsed for path in paths if (parsed := DatastorePath.parse(path)) is not None}
    stores = datastores_named(session, datacenter, {path.datastore for path in asked.values()})
    machines = read(
        session,
        [(DATASTORE, moref) for moref in stores],
        [property_spec(vim.VirtualMachine, _VM_PATHS)],
        select=[traversal(vim.Datastore, "vm", name="machines")],
    )
    used: dict[str, str] = {}
    for found in machines.values():
        if found.kind != "VirtualMachine":
            continue
        files, folders = _places_of(found.properties)
        for path, parsed in asked.items():
            if parsed in files or parsed.folder in folders:
                used.setdefault(path, plain_name(found.properties.get("name", "")))
    return used


def _places_of(told: Mapping[str, Any]) -> tuple[set[DatastorePath], set[DatastorePath]]:
    """Return a VM's files, and the folders that are all its own as far as anybody can tell."""
    listed = [file.text("name") or "" for file in told.get("layoutEx.file") or []]
    devices = told.get("config.hardware.device")
    # Of any device: an image in a drive is a file that is used as well.
    backings = [backing for device in devices or [] if (backing := device.child("backing")) is not None]
    images = [backing.text("fileName") or "" for backing in backings]
    chains = [path for disk in disks_among(devices or [], {}) for path in disk.chain]
    home = told.get("summary.config.vmPathName") or ""
    files = {parsed for path in (*listed, *images, *chains, home) if (parsed := DatastorePath.parse(path)) is not None}
    folders = {path.folder for path in files if path.file} if not listed or devices is None else set()
    return files, folders
