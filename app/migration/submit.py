"""The first step of a migration: look, check, choose, write the program, ask vCenter for its first command, let go.

Nothing in it lasts longer than a few calls to vCenter. A worker may die between any two lines: whoever claims the job
next finds an open attempt, perhaps with an intent whose outcome nobody wrote down, and looks before it asks again
(law 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from app.db import transaction
from app.errors import LostLease, ResourceUnavailable, VrelocateError
from app.hypervisors.commands import Command, PlaceDisk
from app.hypervisors.move import Move
from app.inventory.vcenters import way_to
from app.jobs import attempts, leases, stopping
from app.jobs.attempts import Failure
from app.jobs.leases import Claim, claim_to_submit, kept_alive
from app.jobs.states import SETTLED, JobState, TaskState
from app.migration import admission, asking, checks, failures, outcomes, queries, situation
from app.migration.admission import Wait
from app.migration.asking import OutcomeUnknown
from app.migration.findings import Done, NotStarted
from app.migration.look import Sight, look
from app.migration.past import past_of
from app.migration.plan import plan
from app.migration.programs import (
    Program,
    Standing,
    Step,
    program_to_json,
)
from app.migration.readback import record_of
from app.migration.requests import MigrateVolume, Request, new_offering_of, request_from_json
from app.migration.results import with_places
from app.migration.strategies import choose
from app.migration.surroundings import read_surroundings
from app.migration.verify import conclude
from app.migration.whereabouts import owed, places
from app.telemetry import logger
from app.vsphere.facts import FaultClass, VirtualMachine
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
    except OutcomeUnknown as unknown:
        outcomes.look_again(claim, str(unknown))
    except ResourceUnavailable as away:
        outcomes.try_later(claim, UNREACHABLE_RETRY_SECONDS, str(away))
    except VrelocateError as error:
        outcomes.fail(claim, failures.of_error(error))
    except Exception as error:
        log.exception("job.step_failed", job_id=str(claim.job_id))
        outcomes.fail(claim, failures.of_error(error))


class _Submission:
    """One run of the step, under one claim."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        with transaction() as session:
            job = leases.held(session, claim)
            attempts.begin(session, claim)
            self._request: Request = request_from_json(job.payload)
            self._system_id, self._subject = job.system_id, job.subject
            self._way = way_to(session, job.system_id)
            self._first_look = not job.waiting_for
            self._stops = job.stop_wish is not None
            self._last_words = stopping.last_words(session, job) if self._stops else ""
            self._past = past_of(session, job)
            self._standing = self._past.standing
        self._reserved_bytes: dict[UUID, int] = {}

    def run(self) -> None:
        vcenter = self._way.open()
        if not self._reconciled(vcenter):
            return
        if self._stops:
            outcomes.fail(self._claim, failures.stopped(self._last_words))
            return
        if not self._first_look and (wait := self._take_slots(self._planned())):
            # Still in line: vCenter is not asked until it is this job's turn (law 6).
            outcomes.wait_for_slot(self._claim, wait)
            return
        sight = look(self._claim, vcenter, self._request, places(vcenter, self._past.history))
        move = sight.move
        if move.is_empty:
            self._nothing_left(vcenter, move)
            return
        wait = self._take_slots(move)
        # A refusal is told at once, also to whoever would have to wait for a slot first.
        self._check(vcenter, sight)
        if wait is not None:
            outcomes.wait_for_slot(self._claim, wait)
            return
        self._begin(vcenter, choose(move), move, sight.machine)

    def _reconciled(self, vcenter: VSphereSession) -> bool:
        """Settle an intent of a dead worker's; `True` when the attempt is to begin (again) with its first command."""
        last = self._standing.last
        if last is None or last.task.state is TaskState.ABANDONED:
            return True
        if last.task.state not in SETTLED:
            finding = asking.reconcile(self._claim, vcenter, last)
            if not isinstance(finding, Done):
                return isinstance(finding, NotStarted)
        # One that is settled has been found done by a worker that died at once: to begin it again would do it twice.
        self._to_verification()
        return False

    def _nothing_left(self, vcenter: VSphereSession, move: Move) -> None:
        """Everything is there: the work of an earlier attempt is ended and verified, a new request is told so."""
        if self._standing.history or self._standing.attempt > 1:
            rest = owed(vcenter, self._past.programs, self._past.history)
            if rest:
                self._leave_to_us(rest)
                self._begin(vcenter, Program(self._past.programs[-1].strategy, rest), move)
            else:
                self._to_verification()
            return
        where = ", ".join(sorted(pool.name for pool in move.targets.values())) or "the target pool"
        text = f"everything is on {where} already: there is nothing to migrate"
        outcomes.fail(self._claim, Failure("AlreadyThere", FaultClass.PERMANENT, text, code=431))

    def _leave_to_us(self, rest: Sequence[Command]) -> None:
        """Say where a detached disk goes: a sync that looks meanwhile would find it in neither place."""
        with transaction() as session:
            leases.held(session, self._claim)
            for command in rest:
                if isinstance(command, PlaceDisk) and isinstance(self._request, MigrateVolume):
                    volume_id, goal = self._request.volume_id, command.target_path
                    queries.mark_moving(session, volume_id, self._claim.job_id, goal)

    def _planned(self) -> Move:
        """Return the move as the inventory has it, without asking vCenter."""
        with transaction() as session:
            return plan(session, self._request)

    def _take_slots(self, move: Move) -> Wait | None:
        with transaction() as session:
            leases.held(session, self._claim)
            admitted = admission.take(session, self._claim.job_id, move)
        # Whoever came between two takes of ours has counted us: so we need not count them.
        self._reserved_bytes = admitted.reserved_bytes | self._reserved_bytes
        return admitted.wait

    def _check(self, vcenter: VSphereSession, sight: Sight) -> None:
        surroundings = read_surroundings(vcenter, sight.move, self._claim.job_id)
        with transaction() as session:
            picture = situation.from_inventory(
                session, sight.move, self._reserved_bytes, new_offering_id=new_offering_of(self._request)
            )
        picture = replace(picture, accepted_as=self._subject)
        # A job that has begun before was let begin by all rules: what speaks against it now has come since.
        tried_before = any(asked.task.submitted_at is not None for asked in self._past.history)
        warnings = checks.require(situation.refreshed(picture, sight, surroundings), tried_before=tried_before)
        if warnings and self._first_look:
            with transaction() as session:
                leases.held(session, self._claim)
                told = {"warnings": [checks.objection_to_json(warning) for warning in warnings]}
                leases.record_event(session, self._claim.job_id, self._claim.owner, "warned", detail=told)

    def _begin(self, vcenter: VSphereSession, chosen: Program, move: Move, seen: VirtualMachine | None = None) -> None:
        """Write the program down, and ask for its first command."""
        program = replace(chosen, disks=tuple(record_of(disk) for disk in move.disks))
        with transaction() as session:
            attempt = attempts.begin(session, self._claim)
            attempt.strategy, attempt.program = program.strategy, program_to_json(program)
        standing = Standing(self._standing.attempt, program, self._standing.history)
        try:
            working = asking.ask(self._claim, vcenter, self._system_id, standing, Step(program.commands[0], 0))
        except (OutcomeUnknown, LostLease, ResourceUnavailable):
            raise
        except VrelocateError as refused:
            failure = failures.of_error(refused)
            outcomes.fail(self._claim, with_places(replace(failure, message=f"{failure.message}; "), move, seen))
            return
        if not working:
            self._to_verification()

    def _to_verification(self) -> None:
        with transaction() as session:
            leases.move(session, self._claim, JobState.VERIFYING, kind="verifying", phase="verifying")
        conclude(self._claim)
