"""The VM itself: whether it may be relocated, and what happens to it when it is."""

from __future__ import annotations

from collections.abc import Iterator

from app.migration.checks.objection import Objection, warning
from app.migration.situation import Situation
from app.vsphere.paths import datastore_of


def vm_is_stopped(situation: Situation) -> Iterator[Objection]:
    """Move only what is off: a suspended VM is not.

    vCenter relocates running and suspended VMs too. The first is a Storage vMotion, which has other limits and other
    risks; the second takes the memory along, and what resumes from it must find its devices as they were. vrelocate
    does neither. Source: vSphere 8, vCenter Server and Host Management, "Cold Migration".
    """
    machine = situation.move.machine
    if machine is not None and situation.power_state != "poweredOff":
        yield Objection(
            f"VM {machine.name} is {situation.power_state}", "stop it first, a cold migration moves stopped VMs"
        )


def vm_is_no_template(situation: Situation) -> Iterator[Objection]:
    """Leave templates where they are.

    Source: vSphere Web Services API, RelocateVM_Task: NotSupported when a template's datastore is to change.
    """
    machine = situation.move.machine
    if machine is not None and situation.is_template:
        yield Objection(f"{machine.name} is a template, which vCenter does not relocate", "convert it to a VM first")


def vm_is_connected(situation: Situation) -> Iterator[Objection]:
    """Move only a VM whose configuration vCenter can read now.

    Of one that is disconnected, orphaned, inaccessible or invalid nobody knows which disks it has.
    Source: vSphere Web Services API, VirtualMachineConnectionState; RelocateVM_Task: InvalidState.
    """
    machine, traits = situation.move.machine, situation.traits
    if machine is not None and (traits.connection_state != "connected" or not traits.config_known):
        state = traits.connection_state if traits.connection_state != "connected" else "not readable"
        yield Objection(f"VM {machine.name} is {state} in vCenter", "bring its host and its storage back first")


def vm_is_idle(situation: Situation) -> Iterator[Objection]:
    """Let a VM do one thing at a time; what is at work on it ends by itself.

    Source: vSphere Web Services API, RelocateVM_Task: TaskInProgress "if the virtual machine is busy".
    """
    machine = situation.move.machine
    if machine is not None and situation.task_running:
        yield Objection(f"a vCenter task is running on VM {machine.name}", "it has to end first", passes=True)


def no_other_job(situation: Situation) -> Iterator[Objection]:
    """Keep to one live job a VM or detached volume.

    `migrateVolume` is refused with this before there is a job (LiveJobExists); here a dry run tells it.
    Source: DESIGN.md, law 7.
    """
    if situation.live_job is not None:
        yield Objection(f"job {situation.live_job} already works on it", "wait for that job", passes=True)


def snapshots_go_along(situation: Situation) -> Iterator[Objection]:
    """Say that snapshots are moved as they are.

    Allowed: a relocation moves all links of each disk's chain (moveAllDiskBackingsAndDisallowSharing, the default), a
    snapshot's memory goes with the VM's home, and nothing is merged. Before vSphere 5 all files of such a VM had to lie
    in one folder and go to one (CannotMoveVmWithDeltaDisk); vrelocate's oldest vCenter is 6.5.
    Source: vSphere Web Services API, VirtualMachineRelocateSpec.diskMoveType.
    """
    machine = situation.move.machine
    if machine is not None and situation.traits.has_snapshots:
        yield warning(
            f"VM {machine.name} has snapshots, which go along with its disks",
            "delete those that nobody needs before: it saves time and space",
        )


def consolidation_comes_first(situation: Situation) -> Iterator[Objection]:
    """Say that redundant delta disks are merged before anything is copied.

    Allowed: vrelocate does it (ConsolidateVMDisks_Task), and it only takes time.
    Source: vSphere Web Services API, VirtualMachineRuntimeInfo.consolidationNeeded.
    """
    machine = situation.move.machine
    if machine is not None and situation.traits.consolidation_needed:
        yield warning(
            f"VM {machine.name} has delta disks that belong to no snapshot",
            "nothing, they are consolidated first; that takes time",
        )


def change_tracking_may_start_anew(situation: Situation) -> Iterator[Objection]:
    """Say that a backup may have to read whole disks once.

    Allowed. No document says that changed-block tracking survives a cold relocation. It may get lost, and an
    incremental backup then falls back to a full one: that is in the source, if of other occasions.
    Source: VMware KB 1020128 (Broadcom 320557).
    """
    machine = situation.move.machine
    if machine is not None and situation.move.disks and situation.traits.change_tracking:
        yield warning(
            f"VM {machine.name} has changed-block tracking, which may start anew for disks that move",
            "expect the next backup to read them whole",
        )


def images_stay_behind(situation: Situation) -> Iterator[Objection]:
    """Name ISO and floppy images on a datastore that the VM leaves: they stay, and the VM keeps pointing there.

    Allowed: a relocation moves the VM's own files alone. But whoever empties the datastore wants to know.
    Source: vSphere Web Services API, VirtualMachineRelocateSpec (disks and home, no other devices' backings).
    """
    move = situation.move
    if move.machine is None:
        return
    left = {pool.name for pool in move.sources.values()}
    for path in (*situation.traits.iso_paths, *situation.traits.floppy_paths):
        if datastore_of(path) in left:
            yield warning(
                f"VM {move.machine.name} has the image {path} in a drive, which stays there",
                "take it out of the drive, or move it by hand",
            )
