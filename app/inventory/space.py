"""How much of a datastore a volume will take when it has been copied there."""

from __future__ import annotations

from app.inventory.models import Volume
from app.vsphere.facts import DiskFormat


def needed_bytes(volume: Volume, wanted: str | None = None) -> int:
    """Return the bytes that a copy of `volume` takes in its present format, or in the format `wanted`; never too few.

    `Volume.physical_bytes` is what all files of all links of its chain take now (layoutEx): of a thick disk its whole
    capacity, of a thin one what was written, of each snapshot what was written since, and of a linked clone the links
    of its source too, since a relocation makes them its own (moveAllDiskBackingsAndDisallowSharing).

    - A raw device's bytes are on no datastore: nothing, unless it is to become a flat disk: then its capacity.
    - Thin stays thin: what it holds.
    - Thick or eager stays so: its capacity, and what its snapshots hold, which `physical_bytes` has on top.
    - Thin becomes thick: its capacity, and, of a chain, whatever the links above the base hold.
    - Thick becomes thin: how much of it is zeros nobody knows: what it takes now.
    - A format that is not known counts as thick; a size that is not known as the capacity, once for each link.

    Two volumes on one chain (linked clones of one source) are two copies. What the VM's other files take is
    `VmTraits.other_bytes`; it goes where the VM's home goes.
    """
    if volume.traits.is_raw_device:
        return volume.capacity_bytes if wanted else 0
    links = len(volume.traits.chain) + 1
    holds = volume.capacity_bytes * links if volume.physical_bytes is None else volume.physical_bytes
    is_thin = volume.format == DiskFormat.THIN if volume.format else bool(volume.thin)
    target = wanted or (DiskFormat.THIN if is_thin else DiskFormat.THICK)
    if target == DiskFormat.THIN:
        return holds
    if is_thin:
        return volume.capacity_bytes + (holds if volume.traits.chain else 0)
    return max(volume.capacity_bytes, holds)
