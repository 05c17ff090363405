"""Which VMDKs belong to nobody: all that lie on the datastores, less those of registered VMs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.vsphere.facts import Datastore, LooseDisk, VirtualMachine
from app.vsphere.paths import DatastorePath

_FCD_FOLDER = "fcd"
_NOT_OURS = ("contentlib-",)
"""Folders at a datastore's root whose disks belong to something else than a VM: content libraries."""


@dataclass(frozen=True, slots=True)
class _Owned:
    """Files and folders of registered VMs, as (datastore url or reference, path on it)."""

    files: set[tuple[str, str]] = field(default_factory=set)
    folders: set[tuple[str, str]] = field(default_factory=set)


def loose_disks(
    listed: Mapping[str, Iterable[LooseDisk]],
    datastores: Iterable[Datastore],
    machines: Iterable[VirtualMachine],
) -> tuple[LooseDisk, ...]:
    """Return the disks of `listed` (by datastore) that belong to none of `machines`.

    First Class Disks (in `fcd/`) and disks of content libraries are not among them: they have owners of their own.
    """
    known = list(datastores)
    urls = {datastore.moref: datastore.url or datastore.moref for datastore in known}
    owned = _owned_by(machines, {(store.datacenter_moref, store.name): urls[store.moref] for store in known})
    return tuple(
        disk
        for moref, disks in listed.items()
        for disk in disks
        if (path := DatastorePath.parse(disk.path)) is not None
        and not _has_other_owner(path)
        and (urls[moref], path.file) not in owned.files
        and (urls[moref], path.folder.file) not in owned.folders
    )


def _owned_by(machines: Iterable[VirtualMachine], urls: Mapping[tuple[str, str], str]) -> _Owned:
    """Collect what belongs to VMs.

    By the datastore's url and not by its name: two datacenters that share a datastore each have an object and a name
    for it, and the disks of one's VMs are not loose in the other.
    """
    owned = _Owned()
    for vm in machines:
        paths = set(vm.file_paths)
        if vm.vm_path_name is not None:
            paths.add(vm.vm_path_name)
        for disk in vm.disks:
            paths |= {disk.path, *disk.chain}
        places = {
            (urls.get((vm.datacenter_moref or "", parsed.datastore), parsed.datastore), parsed)
            for parsed in map(DatastorePath.parse, paths)
            if parsed is not None
        }
        owned.files.update((url, parsed.file) for url, parsed in places)
        if not vm.config_known or not vm.file_paths:
            # vCenter does not list its files now (host or storage away): what lies beside those it knows is not loose.
            owned.folders.update((url, parsed.folder.file) for url, parsed in places)
    return owned


def _has_other_owner(path: DatastorePath) -> bool:
    top = path.file.partition("/")[0] if "/" in path.file else ""
    return top == _FCD_FOLDER or top.startswith((".", *_NOT_OURS))
