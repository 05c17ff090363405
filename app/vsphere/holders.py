"""Which VMs have a virtual disk: asked when a detached one is about to be moved, which a VM may have got meanwhile.

The datastore browser does not tell, and a VM that is off locks nothing: its disk could be moved from under it.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.vsphere.answers import Objects
from app.vsphere.bulk import read
from app.vsphere.collector import property_spec, traversal
from app.vsphere.devices import disks_among
from app.vsphere.entities import plain_name
from app.vsphere.machines import WORKER_OF_JOB, worker_of_job
from app.vsphere.pyvmomi import vim
from app.vsphere.session import Session

_DEVICES, _FILES = "config.hardware.device", "layoutEx.file"


@dataclass(frozen=True, slots=True)
class Holder:
    """A VM that has a disk."""

    name: str
    worker_of_job: str | None
    """The job that it is a worker VM of; None for a VM that is somebody's."""


def holders_of(session: Session, datastore_moref: str, path: str) -> list[Holder]:
    """Return the VMs that have the disk at `path`, or one of whose disks or snapshots stands on it; by name.

    All VMs with files on the datastore are read in one call (Datastore.vm, VirtualMachine.config.hardware.device and
    .layoutEx). Raises `ManagedObjectGone` when there is no such datastore.
    """
    found = read(
        session,
        [("Datastore", datastore_moref)],
        [
            property_spec(vim.Datastore, ["name"]),
            property_spec(vim.VirtualMachine, ["name", _DEVICES, _FILES, WORKER_OF_JOB]),
        ],
        select=[traversal(vim.Datastore, "vm", name="machines")],
    )
    return sorted(_holders(found, path), key=lambda holder: holder.name)


def _holders(found: Objects, path: str) -> list[Holder]:
    holders = []
    for it in found.values():
        told = it.properties
        if it.kind != "VirtualMachine" or "name" not in told:
            continue
        disks = disks_among(told.get(_DEVICES) or [], {})
        files = {file.text("name") for file in told.get(_FILES) or []}
        if path in files or any(path in {disk.path, *disk.chain} for disk in disks):
            holders.append(Holder(plain_name(told["name"]), worker_of_job(told)))
    return holders
