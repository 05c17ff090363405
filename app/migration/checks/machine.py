"""The VM itself: whether it may be relocated, and what happens to it when it is."""

from __future__ import annotations

from collections.abc import Iterator

from app.migration.checks.objection import Objection
from app.migration.situation import Situation


def vm_is_stopped(situation: Situation) -> Iterator[Objection]:
    """Only what is off is moved: a suspended VM is not off.

    vCenter relocates running and suspended VMs too. The first is a Storage vMotion, which has other limits and other
    risks; the second takes the memory along, and what resumes from it must find the devices as they were. vrelocate
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
