"""Which files a command of storage migration is about, where each of them goes, and how long it is."""

from __future__ import annotations

import re
from uuid import UUID

from app.errors import CheckFailed, NotFound
from app.hypervisors.commands import CarryDisk, CarryImage, CarryVm
from app.secondary.access import Places
from app.secondary.locations import DatastoreLocation, FolderLocation, Parcel
from app.secondary.places import Stat
from app.vsphere import datastore_listing
from app.vsphere.paths import DatastorePath
from app.vsphere.session import Session

_EXTENT = re.compile(r'^(?:RW|RDONLY|NOACCESS)\s+\d+\s+\w+\s+"([^"]+)"', re.MULTILINE)
"""An extent line of a descriptor: `RW 131072 VMFS "data-flat.vmdk"` (Virtual Disk Format 5.0)."""
_CHANGES = re.compile(r'^changeTrackPath\s*=\s*"([^"]+)"', re.MULTILINE)
"""The file of changed blocks that belongs to a disk: a host opens no disk whose descriptor names one that is gone."""
_PARENT = re.compile(r'^parentFileNameHint\s*=\s*"([^"]+)"', re.MULTILINE)
_SPARSE_MAGIC = b"KDMV"
"""What a disk in one file begins with, which has its descriptor within."""
_EXTENT_NAME = re.compile(r"-(flat|delta|ctk|sesparse|s\d{3}|f\d{3})\.vmdk$")
_LONGEST_DESCRIPTOR_BYTES = 1 << 20
_MOST_NAMES = 20


class Datastores:
    """Where the files of one datacenter are, in the words of locations."""

    def __init__(self, vcenter: Session, system_id: UUID, datacenter: str) -> None:
        """Ask vCenter how `/folder` names the datacenter, a managed object reference."""
        self.vcenter = vcenter
        self.datacenter = datacenter
        self._system_id = system_id
        self._datacenter_path = datastore_listing.datacenter_path(vcenter, datacenter)

    def at(self, path: DatastorePath) -> DatastoreLocation:
        """Return where a file is."""
        return DatastoreLocation(
            vcenter_id=self._system_id,
            datacenter_path=self._datacenter_path,
            datastore=path.datastore,
            path=path.file,
        )


def parcels_of_disk(datastores: Datastores, command: CarryDisk) -> list[Parcel]:
    """List a detached disk's descriptor and the extents that it names. Raises `NotFound` when one is not there."""
    source, target = _parsed(command.source_path), _parsed(command.target_path)
    with Places() as places:
        seen = _stat(places, datastores.at(source))
        if seen is None:
            raise NotFound(f"disk {source} is not there any more: sync the vCenter and look for it")
        place, path = places.at(datastores.at(source).model_dump(mode="json"))
        with place.reading(path, offset=0, length=min(seen.size_bytes, _LONGEST_DESCRIPTOR_BYTES)) as chunks:
            descriptor = b"".join(chunks)
        sizes = {}
        for name in files_named_by(source, descriptor):
            extent = _stat(places, datastores.at(source.folder / name))
            if extent is None:
                raise NotFound(f"disk {source} names {name}, which is not there: it cannot be copied")
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


def files_named_by(source: DatastorePath, descriptor: bytes) -> list[str]:
    """Return the files that a disk consists of besides its descriptor.

    Raises `CheckFailed` for what is no descriptor, and for a disk that is nothing without another one.
    """
    if descriptor.startswith(_SPARSE_MAGIC):
        return []
    told = descriptor.decode(errors="replace")
    parent = _PARENT.search(told)
    if parent is not None:
        raise CheckFailed([f"disk {source} stands on {parent[1]}: they go together, with a VM, or not at all"])
    extents = _EXTENT.findall(told)
    if not extents:
        raise CheckFailed([f"{source} names no extent: it is no descriptor of a disk that could be copied"])
    return [*extents, *_CHANGES.findall(told)]


def parcel_of_image(command: CarryImage) -> Parcel:
    """Return a disk image of a file pool; raises `NotFound` when it is not there."""
    source = FolderLocation(root=command.source_root, path=_parsed(command.source_path).file)
    target = FolderLocation(root=command.target_root, path=_parsed(command.target_path).file)
    with Places() as places:
        seen = _stat(places, source)
    if seen is None:
        raise NotFound(f"disk image {source} is not there any more: sync, and look for it")
    return Parcel(source=source, target=target, size_bytes=seen.size_bytes)


def parcels_of_vm(datastores: Datastores, command: CarryVm) -> tuple[list[Parcel], str]:
    """List everything in the VM's folder, and choose a folder on the target that nobody has.

    Returns with it where the VM's configuration is going to lie. Raises `NotFound` when a file goes away meanwhile.
    """
    vmx = _parsed(command.vmx_path)
    files = datastore_listing.files_in(datastores.vcenter, datastores.datacenter, vmx.folder)
    target = _free_folder(datastores, DatastorePath(command.target, vmx.folder.file))
    # What names others comes behind them: descriptors behind extents, the configuration behind all.
    names = sorted((file.name for file in files), key=lambda name: (name.endswith(".vmx"), _is_descriptor(name)))
    parcels = []
    with Places() as places:
        for name in names:
            # Of a thin extent the datastore browser may tell what it takes: copied, and reserved, is how long it is.
            seen = _stat(places, datastores.at(vmx.folder / name))
            if seen is None:
                raise NotFound(f"{vmx.folder / name} went away while the VM's files were being listed: try again")
            parcels.append(
                Parcel(
                    source=datastores.at(vmx.folder / name),
                    target=datastores.at(target / name),
                    size_bytes=seen.size_bytes,
                )
            )
    return parcels, str(target / vmx.name)


def _stat(places: Places, location: DatastoreLocation | FolderLocation) -> Stat | None:
    place, path = places.at(location.model_dump(mode="json"))
    return place.stat(path)


def _is_descriptor(name: str) -> bool:
    return name.endswith(".vmdk") and not _EXTENT_NAME.search(name)


def _free_folder(datastores: Datastores, wanted: DatastorePath) -> DatastorePath:
    """Return the folder, or with a number behind its name, as vCenter does."""
    for name in (wanted.file, *(f"{wanted.file}_{number}" for number in range(1, _MOST_NAMES + 1))):
        folder = DatastorePath(wanted.datastore, name)
        # An empty one is somebody's too; and of one that was not there, it is sure that we have made it.
        if datastore_listing.names_in(datastores.vcenter, datastores.datacenter, folder) is None:
            return folder
    raise CheckFailed([f"{wanted} and {_MOST_NAMES} folders of that name with a number exist: remove some"])


def _parsed(path: str) -> DatastorePath:
    parsed = DatastorePath.parse(path)
    if parsed is None:
        raise NotFound(f"{path!r} is no path of a file on a datastore")
    return parsed
