"""The disks that move: what they are, and who else has them. Disks that stay are pinned, and never in the way."""

from __future__ import annotations

from collections.abc import Iterator

from app.hypervisors.move import DiskMove
from app.hypervisors.vmware import Way, way_of
from app.migration.checks.objection import Objection, warning
from app.migration.situation import Situation, VolumeState
from app.vsphere.facts import DiskFormat

_PIN = "migrate the other disks alone, each to its pool, and leave this one where it is"


def disk_is_no_raw_device(situation: Situation) -> Iterator[Objection]:
    """Leave raw device mappings, virtual or physical, where they are.

    vCenter would do it, but not what is meant: a cold migration copies the LUN's content into a VMDK, and the VM uses
    the LUN no more; of a physical one it cannot convert, it fails (RDMConversionNotSupported).
    Source: VMware KB 1005241, "Migrating virtual machines with Raw Device Mappings".
    """
    for disk, volume in _moving(situation):
        if volume.traits.is_raw_device:
            yield Objection(
                f"volume {disk.name} is a raw device mapping, whose data is on a LUN and not on {disk.source.name}",
                _PIN,
            )


def disk_is_not_shared(situation: Situation) -> Iterator[Objection]:
    """Leave a disk where it is that several VMs have.

    The others would look for it where it was. One with the multi-writer flag counts even if no other VM has it now:
    that is what the flag is for. Source: VMware KB 1034165 (Broadcom 313527): no Storage vMotion, no cloning of
    multi-writer disks; a cold relocation of one of its VMs tells the others nothing.
    """
    for disk, volume in _moving(situation):
        others = ", ".join(volume.shared_with)
        if others:
            yield Objection(f"volume {disk.name} is shared with VM {others}", f"detach it there, or {_PIN}")
        elif volume.traits.multi_writer:
            yield Objection(
                f"volume {disk.name} may be written to by several VMs (multi-writer)", f"end its sharing, or {_PIN}"
            )


def disk_is_on_no_shared_bus(situation: Situation) -> Iterator[Objection]:
    """Leave a clustered VM's disks where they are.

    Behind a controller with bus sharing sit disks that other nodes have too, whatever vCenter shows of those.
    Source: vSphere Web Services API, SharedBusControllerNotSupported; vSphere, "Setup for Windows Server Failover
    Clustering" (no migration of clustered disks).
    """
    for disk, volume in _moving(situation):
        if volume.traits.shared_bus:
            yield Objection(
                f"volume {disk.name} is on a SCSI controller that shares its bus with other VMs",
                f"end the bus sharing, or {_PIN}",
            )


def linked_clone_becomes_whole(situation: Situation) -> Iterator[Objection]:
    """Say that a linked clone takes all of its source's data with it.

    Allowed: the default disk move type (moveAllDiskBackingsAndDisallowSharing) copies every link of the chain, so the
    clone shares nothing any more, and takes the space of a whole VM. `space_suffices` counts it.
    Source: vSphere Web Services API, VirtualMachineRelocateDiskMoveOptions.
    """
    machine = situation.move.machine
    if machine is not None and situation.move.disks and situation.traits.is_linked_clone:
        size_bytes = sum(disk.needed_bytes for disk in situation.move.disks)
        yield warning(
            f"VM {machine.name} is a linked clone (of {', '.join(situation.traits.linked_to)}), "
            f"and becomes a whole VM of {size_bytes / 2**30:.1f} GiB",
            "make sure that it may take so much, or leave it where its source is",
        )


def clones_keep_hanging_on_it(situation: Situation) -> Iterator[Objection]:
    """Name the linked clones whose disks hang on a disk that moves.

    Allowed: vCenter copies a backing that others use, and leaves it to them; so the source is not emptied by this.
    Source: vSphere Virtual Machine Administration, "linked virtual machines share the base disk backing";
    VirtualDiskFlatVer2BackingInfo.parent.
    """
    for disk, volume in _moving(situation):
        if clones := ", ".join(volume.hanging_on_it):
            yield warning(
                f"linked clones hang on volume {disk.name}: {clones}",
                f"expect what they use to stay on {disk.source.name}, or move them first",
            )


def encryption_goes_along(situation: Situation) -> Iterator[Objection]:
    """Say what an encrypted VM or disk needs; refuse a plain detached one.

    A VM's is allowed: what is encrypted is copied as it is, under the same keys (CryptoSpecNoOp); but vCenter does
    nothing with a VM whose keys it cannot get, and conversions of format may not be done. The same goes for First Class
    Disks (VslmMigrateSpec.disksCrypto, unset). A plain detached VMDK is refused: a worker VM, which is not encrypted,
    cannot have it attached, and no document says that VirtualDiskManager knows keys.
    Source: vSphere Security, "Virtual Disk Encryption" ("You cannot add an encrypted disk to a virtual machine that is
    not encrypted") and "Virtual Machine Encryption Caveats".
    """
    move = situation.move
    if move.machine is not None and move.home_moves and situation.traits.encrypted:
        yield warning(f"VM {move.machine.name} is encrypted", "make sure that vCenter's key provider answers")
    for disk, volume in _moving(situation):
        if not volume.traits.encrypted:
            continue
        if move.machine is None and disk.first_class_id is None:
            yield Objection(
                f"volume {disk.name} is encrypted and attached to no VM",
                "attach it to an encrypted VM, and migrate it with that",
            )
        elif disk.target_format is not None:
            yield warning(
                f"volume {disk.name} is encrypted, and may keep its format",
                "make sure that vCenter's key provider answers, and look at the format afterwards",
            )
        elif move.machine is None or not (move.home_moves and situation.traits.encrypted):
            yield warning(f"volume {disk.name} is encrypted", "make sure that vCenter's key provider answers")


def format_is_kept(situation: Situation) -> Iterator[Objection]:
    """Say where a disk may become thin although nobody asked for it.

    Allowed. NFS keeps a disk thick only with hardware acceleration (VAAI NAS); on vSAN and vVols the storage policy
    decides. Source: vSphere Storage, "Hardware Acceleration on NAS Devices", "vSAN policies: object space reservation".
    """
    for disk in situation.move.disks:
        target, wanted = situation.targets.get(disk.target.id), disk.target_format or disk.format
        if target is None or wanted not in {DiskFormat.THICK, DiskFormat.EAGER}:
            continue
        if target.type.upper().startswith(("NFS", "VSAN", "VVOL")):
            yield warning(
                f"volume {disk.name} is to be {wanted} on {target.name} ({target.type}), which may make it thin",
                "look at its format afterwards, if it matters",
            )


def plain_disk_has_a_folder(situation: Situation) -> Iterator[Objection]:
    """Put no plain detached VMDK on vSAN or vVols, which take no folder at their top level in the way that it needs.

    Source: vSphere Web Services API, FileManager.MakeDirectory and DatastoreNamespaceManager ("datastores that do not
    support file-based access of the top level").
    """
    if situation.move.machine is not None or way_of(situation.move) is Way.RELOCATE_FIRST_CLASS_DISK:
        return
    for disk in situation.move.disks:
        target = situation.targets.get(disk.target.id)
        if target is not None and target.type.upper().startswith(("VSAN", "VVOL")):
            yield Objection(
                f"storage pool {target.name} is {target.type}, which takes no plain detached disk",
                "attach it to a VM and migrate it with that, or choose a VMFS or NFS pool",
            )


def _moving(situation: Situation) -> Iterator[tuple[DiskMove, VolumeState]]:
    for disk in situation.move.disks:
        yield disk, situation.volumes[disk.volume_id]
