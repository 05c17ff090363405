"""The first step of a migration: look, check, choose, write the intent, ask vCenter, let go.

Nothing in it lasts longer than a few calls to vCenter. A worker may die between any two lines: whoever claims the job
next finds an open attempt, perhaps with an intent whose outcome nobody wrote down, and looks before it asks again
(law 3).
"""

from __future__ import annotations

from uuid import UUID

from app.db import Json, transaction
from app.errors import LostLease, ResourceUnavailable, VrelocateError
from app.hypervisors.commands import MoveVirtualDisk, RelocateVm, command_from_json, command_to_json
from app.hypervisors.move import Move
from app.inventory.vcenters import session_to
from app.jobs import attempts, leases, outside, queries
from app.jobs.attempts import Failure
from app.jobs.leases import Claim, claim_to_submit, kept_alive
from app.jobs.models import OutsideTask
from app.jobs.outside import Ending
from app.jobs.states import SETTLED, JobState, TaskState
from app.migration import admission, checks, commands, failures, outcomes, situation
from app.migration.admission import Resource
from app.migration.look import Sight, look
from app.migration.plan import plan
from app.migration.requests import Request, request_from_json
from app.migration.strategies import choose
from app.migration.verify import verify
from app.telemetry import logger
from app.vsphere.errors import ManagedObjectGone, VCenterFault, VCenterUnreachable
from app.vsphere.facts import FaultClass
from app.vsphere.session import Session as VSphereSession

log = logger(__name__)

UNREACHABLE_RETRY_SECONDS = 15.0
"""How long a job waits whose vCenter does not answer."""


def submit(job_id: UUID, worker: str) -> None:
    """Take the job as far as vCenter's task, if it is due and nobody holds it."""
    claim = claim_to_submit(job_id, worker)
    if claim is None:
        return
    with kept_alive(claim):
        try:
            _submit(claim)
        except LostLease as lost:
            log.warning("job.lost", job_id=str(job_id), why=str(lost))


def _submit(claim: Claim) -> None:
    """Run the step, and leave the job as the outcome demands; raises `LostLease` when it is another worker's by now."""
    try:
        _Submission(claim).run()
    except LostLease:
        raise
    except _OutcomeUnknown as unknown:
        outcomes.look_again(claim, str(unknown))
    except ResourceUnavailable as away:
        outcomes.try_later(claim, UNREACHABLE_RETRY_SECONDS, str(away))
    except VrelocateError as error:
        outcomes.fail(claim, failures.of_error(error))
    except Exception as error:
        log.exception("job.step_failed", job_id=str(claim.job_id))
        outcomes.fail(claim, failures.of_error(error))


class _OutcomeUnknown(VrelocateError):
    """vCenter was perhaps asked; only looking tells. The job keeps its slots, and the sweep brings it back."""


class _Submission:
    """One run of the step, under one claim."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        with transaction() as session:
            job = leases.held(session, claim)
            attempt = attempts.begin(session, claim)
            self._request: Request = request_from_json(job.payload)
            self._system_id = job.system_id
            self._attempt = attempt.number
            self._first_look = not job.waiting_for
            earlier = queries.tasks_of_attempt(session, job.id, attempt.number)
            self._asked_before = bool(earlier) or attempt.number > 1
            self._sequence = len(earlier)
            self._unsettled = next((task for task in earlier if task.state not in SETTLED), None)
        self._reserved_bytes: dict[UUID, int] = {}

    def run(self) -> None:
        vcenter = session_to(self._system_id)
        if self._unsettled is not None and not self._reconcile(vcenter, self._unsettled):
            return
        if not self._first_look and (waits_for := self._take_slots(self._planned())):
            # Still in line: vCenter is not asked until it is this job's turn (law 6).
            outcomes.wait_for_slot(self._claim, waits_for)
            return
        sight = look(self._claim, vcenter, self._request)
        move = sight.move
        if move.is_empty:
            self._nothing_left(move)
            return
        waits_for = self._take_slots(move)
        # A refusal is told at once, also to whoever would have to wait for a slot first.
        self._check(sight)
        if waits_for is not None:
            outcomes.wait_for_slot(self._claim, waits_for)
            return
        strategy, orders = choose(move)
        self._ask(vcenter, strategy.name, orders[0], move)

    def _reconcile(self, vcenter: VSphereSession, task: OutsideTask) -> bool:
        """Settle an intent without an outcome; `True` when the command is to be submitted (again)."""
        command = command_from_json(task.command["command"])
        try:
            finding = commands.look(vcenter, command)
        except ManagedObjectGone as gone:
            self._settle(task.id, Ending(TaskState.ABANDONED, message=str(gone)))
            raise
        except Exception as error:
            # Whatever it is: as long as nobody can look, vCenter may be at work, and the job is not over (law 5).
            log.warning("job.cannot_look", job_id=str(self._claim.job_id), exc_info=True)
            raise _OutcomeUnknown(f"it cannot be seen yet how the last submission went: {error}") from error
        match finding:
            case commands.StillRunning(reference):
                outside.submitted(self._claim, task.id, reference, adopted=True)
                return False
            case commands.Done():
                self._settle(task.id, Ending(TaskState.VANISHED, message="found done"))
                self._to_verification()
                return False
            case commands.Unclear(what_was_seen):
                raise _OutcomeUnknown(f"not clear yet how the last submission went: {what_was_seen}")
            case commands.NotStarted():
                self._settle(task.id, Ending(TaskState.ABANDONED, message="looked for, and not found"))
                return True

    def _nothing_left(self, move: Move) -> None:
        """Everything is there: the work of an earlier attempt is verified, a new request is told so."""
        if self._asked_before:
            self._to_verification()
            return
        where = ", ".join(sorted(pool.name for pool in move.targets.values())) or "the target pool"
        text = f"everything is on {where} already: there is nothing to migrate"
        outcomes.fail(self._claim, Failure("AlreadyThere", FaultClass.PERMANENT, text, code=431))

    def _planned(self) -> Move:
        """Return the move as the inventory has it, without asking vCenter."""
        with transaction() as session:
            return plan(session, self._request)

    def _take_slots(self, move: Move) -> Resource | None:
        with transaction() as session:
            leases.held(session, self._claim)
            admitted = admission.take(session, self._claim.job_id, move)
        # Whoever came between two takes of ours has counted us: so we need not count them.
        self._reserved_bytes = admitted.reserved_bytes | self._reserved_bytes
        return admitted.full

    def _check(self, sight: Sight) -> None:
        with transaction() as session:
            picture = situation.from_inventory(session, sight.move, self._reserved_bytes)
        checks.require(situation.refreshed(picture, sight))

    def _ask(self, vcenter: VSphereSession, strategy: str, command: RelocateVm | MoveVirtualDisk, move: Move) -> None:
        """Write the intent, submit, write the reference: in this order, each durable before the next."""
        with transaction() as session:
            attempts.begin(session, self._claim).strategy = strategy
        intent = {"command": command_to_json(command), "disks": _disks_of(move)}
        task_id = outside.intend(self._claim, self._attempt, self._sequence, self._system_id, intent)
        try:
            reference = commands.submit(vcenter, command)
            outside.submitted(self._claim, task_id, reference)
        except (VCenterFault, VCenterUnreachable) as refused:
            # vCenter said no, or was never reached: nothing was begun.
            self._settle(task_id, Ending(TaskState.ABANDONED, message=str(refused)))
            raise
        except LostLease:
            raise
        except Exception as error:
            raise _OutcomeUnknown(f"vCenter was asked, and its answer was lost ({type(error).__name__})") from error

    def _to_verification(self) -> None:
        with transaction() as session:
            leases.move(session, self._claim, JobState.VERIFYING, kind="verifying", phase="verifying")
        verify(self._claim)

    def _settle(self, task_id: UUID, ending: Ending) -> None:
        with transaction() as session:
            leases.held(session, self._claim)
            outside.settle(session, task_id, ending)


def _disks_of(move: Move) -> list[Json]:
    """Return what moves, for the record and for the result."""
    return [
        {
            "volume_id": str(disk.volume_id),
            "name": disk.name,
            "from": disk.source.name,
            "to": disk.target.name,
            "bytes": disk.needed_bytes,
        }
        for disk in move.disks
    ]
