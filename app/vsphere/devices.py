"""The disks of a VM, out of its virtual devices (config.hardware.device) and its files (layoutEx)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.vsphere.answers import Node
from app.vsphere.facts import Disk, DiskFormat
from app.vsphere.paths import DatastorePath
from app.vsphere.uuids import canonical_uuid

_KIB = 1024
_CONTROLLERS = (
    ("SCSI", "scsi"),
    ("LsiLogic", "scsi"),
    ("BusLogic", "scsi"),
    ("NVME", "nvme"),
    ("AHCI", "sata"),
    ("SATA", "sata"),
    ("IDE", "ide"),
)
"""What is in the name of a controller's vSphere type (ParaVirtualSCSIController, VirtualAHCIController, …)."""


@dataclass(frozen=True, slots=True)
class FileSizes:
    """What a VM's files take on their datastores, as vCenter measured it last (`layoutEx`)."""

    disks: Mapping[int, int]
    """By disk key: all files of all links of its chain."""
    others: int | None
    """All other files: configuration, logs, memory of snapshots, snapshots that no disk stands on; None: not told."""


def file_sizes(told: Mapping[str, Any]) -> FileSizes:
    """Return the sizes of a VM's files out of its properties."""
    files, layouts = told.get("layoutEx.file"), told.get("layoutEx.disk") or []
    sizes = {file.number("key"): file.number("size") or 0 for file in files or []}
    of_disks = {
        disk.number("key") or 0: {key for link in disk.children("chain") for key in link.numbers("fileKey")}
        for disk in layouts
    }
    in_chains = set().union(*of_disks.values())
    return FileSizes(
        disks={disk: sum(sizes.get(key, 0) for key in keys) for disk, keys in of_disks.items()},
        others=None if files is None else sum(size for key, size in sizes.items() if key not in in_chains),
    )


def disks_among(devices: Iterable[Node], sizes: Mapping[int, int]) -> tuple[Disk, ...]:
    """Return the virtual disks among `devices`; `sizes` are those of `file_sizes`."""
    by_key = {device.number("key"): device for device in devices}
    return tuple(
        _disk(device, backing, by_key.get(device.number("controllerKey")), sizes.get(device.number("key") or 0))
        for device in devices
        if device.kind == "VirtualDisk" and (backing := device.child("backing")) is not None
    )


def links_elsewhere(disks: Iterable[Disk], vm_path_name: str | None) -> tuple[str, ...]:
    """Return the files that `disks` hang on and that are another VM's: what makes a VM a linked clone.

    A snapshot's delta lies beside its parent, or both in folders of the VM (`workingDir`); a linked clone's lies in the
    clone's folder, and its parent in the source's. Folders are compared without their datastores: a VM's folder has one
    name on all of them.
    """
    home = DatastorePath.parse(vm_path_name or "")
    own = home.folder.file if home else None
    found: dict[str, None] = {}
    for disk in disks:
        for child, parent in zip((disk.path, *disk.chain), disk.chain, strict=False):
            below, above = DatastorePath.parse(child), DatastorePath.parse(parent)
            if below and above and above.folder.file not in {below.folder.file, own}:
                found[parent] = None
    return tuple(found)


def _disk(device: Node, backing: Node, controller: Node | None, size: int | None) -> Disk:
    key = device.number("key") or 0
    info = device.child("deviceInfo")
    uuid, fcd = backing.text("uuid"), device.child("vDiskId")
    links = [backing, *_parents(backing)]
    return Disk(
        key=key,
        label=(info and info.text("label")) or f"disk {key}",
        unit_number=device.number("unitNumber"),
        controller_key=device.number("controllerKey"),
        uuid=canonical_uuid(uuid) if uuid else None,
        path=backing.text("fileName") or backing.text("descriptorFileName") or "",
        datastore_moref=backing.text("datastore"),
        # Bytes since API 5.5; disks of older hosts have kilobytes alone.
        capacity_bytes=device.number("capacityInBytes") or (device.number("capacityInKB") or 0) * _KIB,
        physical_bytes=size,
        thin=backing.flag("thinProvisioned"),
        backing_kind=backing.kind.removeprefix("VirtualDisk").removesuffix("BackingInfo"),
        chain=tuple(link.text("fileName") or "" for link in links[1:]),
        mode=backing.text("diskMode") or "persistent",
        multi_writer=backing.text("sharing") == "sharingMultiWriter",
        # Only SCSI controllers have this field.
        shared_bus=controller is not None and controller.text("sharedBus") not in {None, "noSharing"},
        encrypted=backing.child("keyId") is not None,
        format=next((known for link in reversed(links) if (known := _format(link)) is not None), None),
        controller=_controller_kind(controller),
        bus_number=controller.number("busNumber") if controller else None,
        fcd_id=fcd.text("id") if fcd else None,
    )


def _format(backing: Node) -> DiskFormat | None:
    """Read how a flat disk takes its space; `eagerlyScrub` "may be unset if its value is unknown" (API reference)."""
    match backing.flag("thinProvisioned"), backing.flag("eagerlyScrub"):
        case True, _:
            return DiskFormat.THIN
        case _, True:
            return DiskFormat.EAGER
        case False, False:
            return DiskFormat.THICK
        case _:
            return None


def _parents(backing: Node) -> list[Node]:
    """Return what a backing stands on, nearest first."""
    found = []
    parent = backing.child("parent")
    while parent is not None:
        found.append(parent)
        parent = parent.child("parent")
    return found


def _controller_kind(controller: Node | None) -> str | None:
    if controller is None:
        return None
    return next((kind for part, kind in _CONTROLLERS if part in controller.kind), None)
