"""Asking vCenter for one command: intent, call, reference, each durable before the next (law 3).

Whoever finds an intent without an outcome settles it here too, by looking.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from app.db import transaction
from app.errors import LostLease, NotFound, ResourceUnavailable, VrelocateError
from app.hypervisors.commands import Carry, Command
from app.jobs import leases, outside
from app.jobs.leases import Claim
from app.jobs.outside import Ending
from app.jobs.states import TaskState
from app.migration import carried_commands, commands
from app.migration.findings import Done, Finding, NotStarted, StillRunning, Unclear
from app.migration.programs import Asked, Standing, Step, intent
from app.telemetry import logger
from app.vsphere.errors import ManagedObjectGone, ReplyLost
from app.vsphere.facts import FaultClass
from app.vsphere.faults import classify
from app.vsphere.sending import only_while
from app.vsphere.session import Session as VSphereSession

log = logger(__name__)


class OutcomeUnknown(VrelocateError):
    """vCenter was perhaps asked; only looking tells. The job keeps its slots, and the sweep brings it back."""


def ask(claim: Claim, vcenter: VSphereSession, system_id: UUID, standing: Standing, step: Step) -> bool:
    """Ask for the step's command; `True` when vCenter is at work on it now, `False` when it was done at once.

    Raises what vCenter refuses with, after it was written down that nothing was begun, and `OutcomeUnknown`.
    """
    command = commands.prepare(vcenter, step.command, standing.history, system_id)
    task_id = outside.intend(
        claim,
        standing.attempt,
        len(standing.history),
        system_id,
        intent(replace(step, command=command), standing.program.disks),
    )
    if isinstance(command, Carry):
        carried_commands.hand_over(claim, task_id, command)
        return True
    reference = _submitted(claim, vcenter, task_id, command)
    if reference is None:
        settle(claim, task_id, Ending(TaskState.SUCCESS))
        return False
    try:
        outside.submitted(claim, task_id, reference)
    except LostLease:
        raise
    except Exception as error:
        raise OutcomeUnknown(f"vCenter's answer could not be written down ({type(error).__name__})") from error
    return True


def _submitted(claim: Claim, vcenter: VSphereSession, task_id: UUID, command: Command) -> str | None:
    """Submit the command; a refusal is written down: nothing was begun."""
    try:
        with only_while(leases.in_force(claim)):
            return commands.submit(vcenter, command, claim.job_id)
    except LostLease:
        raise
    except ReplyLost as lost:
        raise OutcomeUnknown(f"vCenter was asked, and its answer was lost ({type(lost).__name__})") from lost
    except ResourceUnavailable as away:
        # It was never reached.
        settle(claim, task_id, Ending(TaskState.ABANDONED, message=str(away)))
        raise
    except NotFound as gone:
        # It has nothing (any more) that the call is about; whether that matters is seen where the disks are.
        fault = classify(gone)
        settle(claim, task_id, Ending(TaskState.ABANDONED, fault.name, FaultClass.RECONCILE, fault.message))
        raise
    except VrelocateError as refused:
        fault = classify(refused)
        settle(claim, task_id, Ending(TaskState.ABANDONED, fault.name, fault.classification, fault.message))
        raise
    except Exception as error:
        raise OutcomeUnknown(f"vCenter was asked, and its answer was lost ({type(error).__name__})") from error


def reconcile(claim: Claim, vcenter: VSphereSession, asked: Asked) -> Finding:
    """Settle an intent without an outcome by looking, and return what was found.

    A task that still runs is adopted. Raises `OutcomeUnknown` when it cannot be told yet, and `ManagedObjectGone`.
    """
    task = asked.task
    try:
        finding = commands.look(vcenter, asked.command, task.id)
    except ManagedObjectGone as gone:
        settle(claim, task.id, Ending(TaskState.ABANDONED, message=str(gone)))
        raise
    except Exception as error:
        # Whatever it is: as long as nobody can look, vCenter may be at work, and the job is not over (law 5).
        log.warning("job.cannot_look", job_id=str(claim.job_id), exc_info=True)
        raise OutcomeUnknown(f"it cannot be seen yet how the last submission went: {error}") from error
    match finding:
        case StillRunning(reference):
            outside.submitted(claim, task.id, reference, adopted=True)
        case Done():
            settle(claim, task.id, Ending(TaskState.VANISHED, message="found done"))
        case Unclear(what_was_seen):
            raise OutcomeUnknown(f"not clear yet how the last submission went: {what_was_seen}")
        case NotStarted():
            settle(claim, task.id, Ending(TaskState.ABANDONED, message="looked for, and not found"))
    return finding


def settle(claim: Claim, task_id: UUID, ending: Ending) -> None:
    """Write down how a task ended, under the claim's fence."""
    with transaction() as session:
        leases.held(session, claim)
        outside.settle(session, task_id, ending)
