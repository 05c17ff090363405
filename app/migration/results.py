"""What a job tells its client at its end: where every disk went, or where everything that is not there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from app.db import Json
from app.errors import NotFound
from app.hypervisors.move import DiskMove, Move
from app.jobs.attempts import Failure
from app.jobs.models import OutsideTask
from app.jobs.states import TaskState
from app.migration import failures
from app.migration.requests import MigrateVolume, Request
from app.vsphere.facts import FaultClass, VirtualMachine

_NEVER_BEGUN = frozenset({TaskState.VANISHED, TaskState.ABANDONED})
_OWN = ("device_key", "uuid", "chain_length", "target_format")
"""What is kept of a disk to compare with, and is no client's business."""


def result_of(request: Request, history: list[OutsideTask], told: Mapping[str, Json] = MappingProxyType({})) -> Json:
    """Return what the job tells its client: every disk, from where to where, how much, how long, verified.

    A disk that several attempts were made for counts with its first source and with the time of the last of them.
    `told` is what reading it back has shown (`readback.Readback.told`), by volume.
    """
    disks: dict[str, Json] = {}
    for task in history:
        if task.submitted_at is None and task.state is not TaskState.VANISHED:
            continue
        began = task.submitted_at or task.intended_at
        seconds = round((task.settled_at - began).total_seconds(), 1) if task.settled_at else None
        for disk in task.command["disks"]:
            first = disks.get(disk["volume_id"], disk)
            shown = {key: value for key, value in disk.items() if key not in _OWN} | told.get(disk["volume_id"], {})
            disks[disk["volume_id"]] = {**shown, "from": first["from"], "seconds": seconds, "verified": True}
    kind, entity = (
        ("volume", request.volume_id) if isinstance(request, MigrateVolume) else ("virtualmachine", request.vm_id)
    )
    return {"kind": kind, "id": str(entity), "disks": list(disks.values())}


def failure_at_the_end(last: OutsideTask | None) -> Failure:
    """Return why an attempt has failed whose last command is over, and not everything is on its target.

    Its message is to be ended by `with_places`.
    """
    if last is None or last.state in _NEVER_BEGUN:
        return Failure("TaskForgotten", FaultClass.RECONCILE, "the migration did not take place: ", retryable=True)
    if last.state is TaskState.SUCCESS:
        # An adopted task may have been somebody else's; our own, which "succeeded", would do so again.
        text = "vCenter reports success, but "
        return Failure("DisksNotMoved", FaultClass.RECONCILE, text, retryable=last.adopted)
    failure = failures.of_task(last)
    return replace(failure, message=f"vCenter's task failed: {failure.message} ({failure.fault}); ")


def failure_on_the_way(task: OutsideTask, doing: str) -> Failure:
    """Return why a command in the middle of a program counts as failed; to be ended by `with_places`."""
    if task.state is TaskState.SUCCESS:
        text = f"{doing}: vCenter reports success, and nothing of it is to be seen; "
        return Failure("NotDone", FaultClass.RECONCILE, text, retryable=task.adopted)
    if task.fault is None:
        told = task.message or "vCenter has forgotten the task"
        return Failure("TaskForgotten", FaultClass.RECONCILE, f"{doing}: {told}; ", retryable=True)
    failure = failures.of_task(task)
    return replace(failure, message=f"{doing}: vCenter's task failed: {failure.message} ({failure.fault}); ")


def records_of(history: list[OutsideTask]) -> list[Json]:
    """Return what was kept of each disk before it first moved."""
    records: dict[str, Json] = {}
    for task in history:
        for disk in task.command["disks"]:
            # What it is to be converted to is the request's, and the same in every attempt that has still to do it.
            records.setdefault(disk["volume_id"], disk)
    return list(records.values())


def not_the_same(problems: list[str]) -> Failure:
    """Return the failure of a job whose disks are on their targets, and are not what they were."""
    text = f"everything is on its target, but {'; '.join(problems)}: compare it with a backup before you use it"
    return Failure("DiskChanged", FaultClass.RECONCILE, text)


def offering_gone(gone: Exception) -> Failure:
    """Return the failure of a job whose volume is on its target, and cannot take the disk offering that was wanted."""
    text = f"everything is on its target, but {gone}: the volume keeps the disk offering that it had"
    return Failure("OfferingGone", FaultClass.PERMANENT, text, code=NotFound.code)


def not_placed(failure: Failure | None, path: str, wanted: str) -> Failure:
    """Return the failure of an attempt that has brought a disk to its target, but not to its folder and name."""
    told = failure or Failure("NotPlaced", FaultClass.RECONCILE, "", retryable=True)
    return replace(told, message=f"{told.message}the disk is at {path} instead of {wanted}")


def with_places(failure: Failure, rest: Move, seen: VirtualMachine | None) -> Failure:
    """Return the failure with everything named that is not on its target, and where it is; `seen` is the VM."""
    parts = [_left(disk) if seen is None or _has(seen, disk) else _taken(disk, seen) for disk in rest.disks]
    machine = rest.machine
    if machine and rest.home_target and (machine.home is None or machine.home.id != rest.home_target.id):
        parts.append(f"the configuration of VM {machine.name} is still on {machine.home.name if machine.home else '?'}")
    return replace(failure, message=failure.message + ", ".join(parts))


def _left(disk: DiskMove) -> str:
    if disk.source.id == disk.target.id:
        return f"disk {disk.name} is on {disk.target.name}, and still {disk.format}"
    return f"disk {disk.name} is still on {disk.source.name}"


def _has(vm: VirtualMachine, disk: DiskMove) -> bool:
    return any(it.key == disk.device_key or (disk.uuid is not None and it.uuid == disk.uuid) for it in vm.disks)


def _taken(disk: DiskMove, vm: VirtualMachine) -> str:
    return f"disk {disk.name} is not attached to VM {vm.name} any more: sync the vCenter and look for it"
