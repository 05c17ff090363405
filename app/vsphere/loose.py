"""Which VMDKs no VM has: all that lie on the datastores, less those of registered VMs, and First Class Disks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from app.vsphere.facts import Datastore, DiskFormat, FirstClassDisk, LooseDisk, VirtualMachine
from app.vsphere.paths import DatastorePath

_FCD_FOLDER = "fcd"
_NOT_OURS = ("contentlib-",)
"""Folders at a datastore's root whose disks belong to something else than a VM: content libraries."""


@dataclass(frozen=True, slots=True)
class _Owned:
    """Files and folders of registered VMs, as (datastore url or reference, path on it)."""

    files: set[tuple[str, str]] = field(default_factory=set)
    folders: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Sorted:
    """What was listed, and is not surely a VM's."""

    loose: tuple[LooseDisk, ...]
    unclear: tuple[LooseDisk, ...]
    """They may be a VM's or not: they lie beside a disk of one whose files vCenter does not list now."""


def loose_disks(
    listed: Mapping[str, Iterable[LooseDisk]],
    datastores: Iterable[Datastore],
    machines: Iterable[VirtualMachine],
    catalog: Iterable[FirstClassDisk] = (),
) -> Sorted:
    """Sort out the disks of `listed` (by datastore) that belong to none of `machines`.

    Of the First Class Disks of `catalog` those that no VM has are among them, wherever they lie. What else is in their
    folder, `fcd/`, is not, nor are disks of content libraries: they have owners of their own.
    """
    known = list(datastores)
    urls = {datastore.moref: datastore.url or datastore.moref for datastore in known}
    vms = list(machines)
    owned = _owned_by(vms, {(store.datacenter_moref, store.name): urls[store.moref] for store in known})
    attached = {disk.fcd_id for vm in vms for disk in vm.disks if disk.fcd_id}
    first_class = {
        (urls[disk.datastore_moref], path.file): disk
        for disk in catalog
        if disk.datastore_moref in urls and (path := DatastorePath.parse(disk.path)) is not None
    }
    found: list[LooseDisk] = []
    unclear: list[LooseDisk] = []
    told: set[tuple[str, str]] = set()
    for moref, disks in listed.items():
        for disk in disks:
            path = DatastorePath.parse(disk.path)
            if path is None:
                continue
            place = urls[moref], path.file
            fcd = first_class.get(place)
            if fcd is not None:
                # A datastore of two datacenters is listed twice; the disk is on one of the two.
                if fcd.datastore_moref == moref:
                    told.add(place)
                    if _is_detached(fcd, attached) and place not in owned.files:
                        found.append(_as_first_class(disk, fcd))
            elif not _has_other_owner(path) and place not in owned.files:
                beside = (urls[moref], path.folder.file) in owned.folders
                (unclear if beside else found).append(disk)
    datacenters = {store.moref: store.datacenter_moref for store in known}
    unlisted = (disk for place, disk in first_class.items() if place not in told | owned.files)
    found += [as_loose(disk, datacenters[disk.datastore_moref]) for disk in unlisted if _is_detached(disk, attached)]
    return Sorted(tuple(found), tuple(unclear))


def _is_detached(disk: FirstClassDisk, attached: set[str]) -> bool:
    """Say whether no VM has it: neither does its catalog name one, nor does a VM name it."""
    return not disk.consumers and disk.id not in attached


def _as_first_class(listed: LooseDisk, disk: FirstClassDisk) -> LooseDisk:
    """Return a listed file as the First Class Disk that it is; the catalog knows more of its format."""
    known = disk.format or listed.format
    return replace(
        listed,
        fcd_id=disk.id,
        capacity_bytes=disk.capacity_bytes,
        format=known,
        thin=listed.thin if known is None else known is DiskFormat.THIN,
    )


def as_loose(disk: FirstClassDisk, datacenter_moref: str) -> LooseDisk:
    """Return a First Class Disk of which nothing but its catalog was read, as the loose disk that it is."""
    return LooseDisk(
        path=disk.path,
        datastore_moref=disk.datastore_moref,
        datacenter_moref=datacenter_moref,
        capacity_bytes=disk.capacity_bytes,
        physical_bytes=None,
        thin=None if disk.format is None else disk.format is DiskFormat.THIN,
        uuid=None,
        modified_at=None,
        format=disk.format,
        fcd_id=disk.id,
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
