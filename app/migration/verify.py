"""The last step of a migration: find out where the disks are (law 4).

Neither a task's success nor its error decides. What vCenter shows is written into the inventory, the request is planned
once more on it, and an empty plan is the proof: nothing is left to be moved.
"""

from __future__ import annotations

from uuid import UUID

from app.db import Json, transaction
from app.errors import LostLease, ResourceUnavailable, VrelocateError
from app.hypervisors.commands import RelocateVm, command_from_json
from app.hypervisors.move import Move
from app.inventory.vcenters import session_to
from app.jobs import leases
from app.jobs.attempts import Failure
from app.jobs.leases import Claim, claim_to_finish, kept_alive
from app.jobs.models import OutsideTask
from app.jobs.states import TaskState
from app.migration import failures, outcomes, queries
from app.migration.look import look
from app.migration.requests import MigrateVolume, Request, request_from_json
from app.telemetry import logger
from app.vsphere import tasks
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.facts import FaultClass
from app.vsphere.session import Session as VSphereSession

log = logger(__name__)


def finish(job_id: UUID, worker: str) -> None:
    """Verify and end the job, if its outside task is over and nobody holds it."""
    claim = claim_to_finish(job_id, worker)
    if claim is None:
        return
    with kept_alive(claim):
        try:
            _finish(claim)
        except LostLease as lost:
            log.warning("job.lost", job_id=str(job_id), why=str(lost))


def _finish(claim: Claim) -> None:
    """Verify, and leave the job as the outcome demands; raises `LostLease` when it is another worker's by now."""
    try:
        verify(claim)
    except LostLease:
        raise
    except ResourceUnavailable as away:
        # Whether it worked cannot be known now. The sweep brings the job back.
        outcomes.look_again(claim, str(away))
    except VrelocateError as error:
        outcomes.fail(claim, failures.of_error(error))
    except Exception:
        # A bug of ours says nothing about the disks: never "failed" for it while they may be on their target.
        log.exception("job.step_failed", job_id=str(claim.job_id))
        outcomes.look_again(claim, "verifying failed unexpectedly: the worker's log has the details")


def verify(claim: Claim) -> None:
    """Look where everything is, and end the attempt accordingly."""
    with transaction() as session:
        job = leases.held(session, claim)
        request, system_id = request_from_json(job.payload), job.system_id
        history = queries.tasks_of_job(session, claim.job_id)
    vcenter = session_to(system_id)
    last = history[-1] if history else None
    if last is not None and _works_on(vcenter, last):
        outcomes.look_again(claim, "vCenter has forgotten the task, and something is still at work on the VM")
        return
    rest = look(claim, vcenter, request).move
    if rest.is_empty:
        outcomes.succeed(claim, result_of(request, history))
    else:
        outcomes.fail(claim, _failure(last, rest))


def _works_on(vcenter: VSphereSession, task: OutsideTask) -> bool:
    """Say whether a forgotten task's VM is still being worked on (law 5)."""
    command = command_from_json(task.command["command"])
    if task.state is not TaskState.VANISHED or not isinstance(command, RelocateVm):
        return False
    try:
        return bool(tasks.running_tasks_of(vcenter, command.vm))
    except ManagedObjectGone:
        return False


def _failure(last: OutsideTask | None, rest: Move) -> Failure:
    """Say why it is not done, and where everything is."""
    places = _still_there(rest)
    if last is None or last.state in {TaskState.VANISHED, TaskState.ABANDONED}:
        text = f"the migration did not take place: {places}"
        return Failure("TaskForgotten", FaultClass.RECONCILE, text, retryable=True)
    if last.state is TaskState.SUCCESS:
        text = f"vCenter reports success, but {places}"
        # An adopted task may have been somebody else's; our own, which "succeeded", would do so again.
        return Failure("DisksNotMoved", FaultClass.RECONCILE, text, retryable=last.adopted)
    failure = failures.of_task(last)
    return Failure(
        failure.fault,
        failure.fault_class,
        f"vCenter's task failed: {failure.message} ({failure.fault}); {places}",
        failure.code,
        failure.retryable,
    )


def _still_there(rest: Move) -> str:
    """Name everything that is not on its target, and where it is."""
    parts = [f"disk {disk.name} is still on {disk.source.name}" for disk in rest.disks]
    machine = rest.machine
    if machine and rest.home_target and (machine.home is None or machine.home.id != rest.home_target.id):
        parts.append(f"the configuration of VM {machine.name} is still on {machine.home.name if machine.home else '?'}")
    return ", ".join(parts)


def result_of(request: Request, history: list[OutsideTask]) -> Json:
    """Return what the job tells its client: every disk, from where to where, how much, how long, verified.

    A disk that several attempts were made for counts with its first source and with the time of the last of them.
    """
    disks: dict[str, Json] = {}
    for task in history:
        if task.submitted_at is None and task.state is not TaskState.VANISHED:
            continue
        began = task.submitted_at or task.intended_at
        seconds = round((task.settled_at - began).total_seconds(), 1) if task.settled_at else None
        for disk in task.command["disks"]:
            first = disks.get(disk["volume_id"], disk)
            disks[disk["volume_id"]] = {**disk, "from": first["from"], "seconds": seconds, "verified": True}
    kind, entity = (
        ("volume", request.volume_id) if isinstance(request, MigrateVolume) else ("virtualmachine", request.vm_id)
    )
    return {"kind": kind, "id": str(entity), "disks": list(disks.values())}
