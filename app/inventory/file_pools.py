"""KVM hosts with file pools: added by their folders, and read as a vCenter is read.

One such system is a zone with one cluster, whose hosts have every pool mounted under the same path as every worker has.
Which VMs there are only its hosts know (libvirt), so its volumes are detached ones; an image that a QEMU has open is
noticed when it is to be moved.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from app.access.audit import Action, record
from app.db import transaction
from app.errors import InvalidParameter, ResourceUnavailable
from app.filepools.images import Image, is_open_by_qemu
from app.filepools.pools import image_at, images_in, room_of
from app.inventory.models import KVM, SHARED_MOUNT_POINT, VCenter
from app.vsphere import facts
from app.vsphere.paths import DatastorePath

_ZONE, _CLUSTER, _HOSTS = "zone", "cluster", "hosts"
"""The references of what stands around the pools: there is one of each."""


def add_file_pools(name: str, pools: Mapping[str, Path]) -> UUID:
    """Keep the file pools of KVM hosts under `name`; pool names → folders, mounted alike on every host and worker.

    Raises `InvalidParameter` for a name that is taken, no pools, a folder that is none on this machine, and two pools
    of which one lies in the other.
    """
    if not pools:
        raise InvalidParameter("there is nothing to add: name the pools, each with its folder (--pool NAME=DIR)")
    folders = {pool: Path(os.path.normpath(path)) for pool, path in pools.items()}
    for pool, folder in folders.items():
        if not pool or set(pool) & set("[]/"):
            raise InvalidParameter(f"{pool!r} is no name of a pool: brackets and slashes are for paths")
        if not folder.is_absolute() or not folder.is_dir():
            raise InvalidParameter(f"{folder} is no folder on this machine: mount the pool {pool} there first")
        if within := [other for other, place in folders.items() if other != pool and folder.is_relative_to(place)]:
            raise InvalidParameter(f"pool {pool} lies in pool {within[0]}: nothing would tell their volumes apart")
    with transaction() as session:
        if session.scalars(select(VCenter).where(VCenter.name == name)).one_or_none() is not None:
            raise InvalidParameter(f"there is a system named {name} already: choose another name")
        row = VCenter(
            name=name,
            url="file:",
            username="",
            password_sealed=b"",
            hypervisor=KVM,
            native_motion=False,
            file_pools={pool: str(folder) for pool, folder in sorted(folders.items())},
        )
        session.add(row)
        session.flush()
        record(session, Action.ADD_FILE_POOLS, ("VCenter", row.id), name=name, pools=row.file_pools)
        return row.id


def read_inventory(pools: Mapping[str, str]) -> facts.Inventory:
    """Return all that is in some pools, names → folders, as the inventory of a vCenter is read."""
    listed: dict[str, tuple[facts.LooseDisk, ...]] = {}
    datastores = []
    for name, folder in sorted(pools.items()):
        datastore = read_pool(name, folder)
        datastores.append(datastore)
        if datastore.accessible:
            listed[folder] = tuple(_loose(name, folder, file.path, file.image) for file in images_in(Path(folder)))
    return facts.Inventory(
        about=facts.About(name="KVM", version="", api_version="", instance_uuid=""),
        datacenters=(facts.Datacenter(_ZONE, "KVM"),),
        clusters=(facts.Cluster(_CLUSTER, "KVM", _ZONE, standalone=False),),
        hosts=(facts.Host(_HOSTS, "KVM hosts", _CLUSTER, connected=True, in_maintenance=False),),
        datastores=tuple(datastores),
        virtual_machines=(),
        loose_disks=tuple(disk for disks in listed.values() for disk in disks),
        searched_datastores=frozenset(listed),
    )


def read_pool(name: str, folder: str) -> facts.Datastore:
    """Return one pool; one that is not mounted on this machine is not accessible."""
    accessible = True
    try:
        room = room_of(Path(folder))
    except ResourceUnavailable:
        accessible = False
    return facts.Datastore(
        moref=folder,
        name=name,
        datacenter_moref=_ZONE,
        type=SHARED_MOUNT_POINT,
        url=f"file://{folder}",
        capacity_bytes=room.capacity_bytes if accessible else 0,
        free_bytes=room.free_bytes if accessible else 0,
        uncommitted_bytes=0,
        accessible=accessible,
        maintenance_mode="normal",
        mounts=(facts.Mount(_HOSTS, mounted=True, accessible=accessible, writable=accessible),),
    )


def find_image(path: str, pools: Iterable[tuple[str, str]]) -> facts.LooseDisk | None:
    """Return the image at `[pool] folder/name`; `None` when there is none. `pools` are names and folders."""
    wanted = DatastorePath.parse(path)
    for name, folder in pools:
        if wanted is not None and wanted.datastore == name:
            image = image_at(Path(folder), wanted.file)
            if image is None:
                return None
            opened_by = "a QEMU" if is_open_by_qemu(Path(folder) / wanted.file) else None
            return replace(_loose(name, folder, wanted.file, image), opened_by=opened_by)
    return None


def _loose(name: str, folder: str, path: str, image: Image) -> facts.LooseDisk:
    return facts.LooseDisk(
        path=str(DatastorePath(name, path)),
        datastore_moref=folder,
        datacenter_moref=_ZONE,
        capacity_bytes=image.capacity_bytes,
        physical_bytes=image.physical_bytes,
        thin=None,
        uuid=None,
        modified_at=None,
        stands_on=image.backing_file,
    )
