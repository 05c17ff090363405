"""The last step of a migration: find out where the disks are (law 4), and go on with the program where it has a rest.

Neither a task's success nor its error decides. A command in the middle of a program is believed when looking shows that
its effect is there. At the end what vCenter shows is written into the inventory, the request is planned once more on
it, and an empty plan is the proof: nothing is left to be moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Json, transaction
from app.errors import LostLease, NotFound, ResourceUnavailable, VrelocateError
from app.hypervisors.commands import PlaceDisk
from app.inventory.vcenters import way_to
from app.jobs import leases
from app.jobs import queries as job_queries
from app.jobs.attempts import Failure
from app.jobs.leases import Claim, claim_to_finish, kept_alive
from app.jobs.states import SETTLED, TaskState
from app.limits import limits
from app.migration import asking, commands, failures, outcomes
from app.migration.asking import OutcomeUnknown
from app.migration.backings import read_back
from app.migration.findings import Done, StillRunning
from app.migration.look import Sight, look
from app.migration.past import past_of
from app.migration.programs import (
    Asked,
    Step,
    next_of_program,
    program_to_json,
    same_again,
)
from app.migration.readback import compare
from app.migration.registration_commands import where_to_register
from app.migration.requests import MigrateVolume, request_from_json
from app.migration.results import (
    failure_at_the_end,
    failure_on_the_way,
    not_placed,
    not_the_same,
    offering_gone,
    records_of,
    result_of,
    with_places,
)
from app.migration.whereabouts import owed, places
from app.telemetry import logger
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.session import Session as VSphereSession

log = logger(__name__)

MOST_TRIES = 8
"""How often a small step of a program, or of its clean-up, is asked for before it counts as failed."""


def finish(job_id: UUID, worker: str) -> None:
    """Go on with the job's program, or verify and end the job, if its outside task is over and nobody holds it."""
    claim = claim_to_finish(job_id, worker)
    if claim is None:
        return
    with kept_alive(claim):
        try:
            conclude(claim)
        except LostLease as lost:
            log.warning("job.lost", job_id=str(job_id), why=str(lost))


def conclude(claim: Claim) -> None:
    """Verify a held job, and leave it as the outcome demands; raises `LostLease` when it is another worker's by now."""
    try:
        verify(claim)
    except LostLease:
        raise
    except (ResourceUnavailable, OutcomeUnknown) as unknown:
        # Whether it worked cannot be known now. The sweep brings the job back.
        outcomes.look_again(claim, str(unknown))
    except VrelocateError as error:
        outcomes.fail(claim, failures.of_error(error))
    except Exception:
        # A bug of ours says nothing about the disks: never "failed" for it while they may be on their target.
        log.exception("job.step_failed", job_id=str(claim.job_id))
        outcomes.look_again(claim, "verifying failed unexpectedly: the worker's log has the details")


def verify(claim: Claim) -> None:
    """Ask for the next command of the attempt's program; after the last one look where everything is, and end it."""
    verification = _Verification(claim)
    while verification.goes_on():
        pass


class _Verification:
    """One run of the step, under one claim."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        with transaction() as session:
            self._read_in(session)
            way = way_to(session, self._system_id)
        self._vcenter: VSphereSession = way.open()

    def goes_on(self) -> bool:
        """Do one thing; `True` when there is more to be done in this run."""
        last = self._standing.last
        if last is not None and last.task.state not in SETTLED:
            # A dead worker's, which was verifying and asked for the next command.
            running = isinstance(asking.reconcile(self._claim, self._vcenter, last), StillRunning)
            self._read()
            return not running
        step = self._next()
        if step is not None:
            return not self._asked(step)
        return self._judged()

    def _read(self) -> None:
        """Read where the attempt stands."""
        with transaction() as session:
            self._read_in(session)

    def _read_in(self, session: Session) -> None:
        job = leases.held(session, self._claim)
        self._request, self._system_id = request_from_json(job.payload), job.system_id
        self._past = past_of(session, job)
        self._stops = job.stop_wish is not None
        self._standing = self._past.standing

    def _next(self) -> Step | None:
        """Return what is to be asked for now; `None` when only the end is left to be judged."""
        last = self._standing.last
        if self._standing.program.failure is not None:
            return self._next_cleanup()
        if last is None:
            return None
        if last.never_begun and self._standing.tries(last.command, cleaning=False) < MOST_TRIES:
            return self._unless_stopped(same_again(last))
        if last.command.copies and next_of_program(self._standing) is None:
            # Everything was asked for, and where everything is will be looked at anyhow.
            self._require_rest(last)
            return None
        finding = commands.look(self._vcenter, last.command, last.task.id)
        if isinstance(finding, Done):
            return self._unless_stopped(next_of_program(self._standing))
        if isinstance(finding, StillRunning):
            raise OutcomeUnknown("vCenter says that it is over, and something is still at work")
        return self._after_failure(last)

    def _unless_stopped(self, step: Step | None) -> Step | None:
        """Begin no copy for a job that is to stop; what only takes seconds and follows a copy leads to a whole end."""
        if step is None or not self._stops or not step.command.copies:
            return step
        self._give_up(failures.stopped(f"{step.command.doing} was not begun; "))
        return self._next_cleanup()

    def _after_failure(self, last: Asked) -> Step | None:
        """Ask for a small command again that did not do what it should; for any other give the program up."""
        failure = failure_on_the_way(last.task, last.command.doing)
        small = not last.command.copies and (failure.retryable or last.task.fault is None)
        if small and self._standing.tries(last.command, cleaning=False) < MOST_TRIES:
            self._wait_after(last, failure)
            return same_again(last)
        self._give_up(failure)
        return self._next_cleanup()

    def _next_cleanup(self) -> Step | None:
        """Return the first clean-up whose effect is not to be seen yet."""
        asked = self._standing.asked
        for listed in self._standing.program.cleanup(asked):
            command = commands.prepare(self._vcenter, listed, self._standing.history, self._system_id)
            finding = commands.look(self._vcenter, command)
            if isinstance(finding, Done):
                continue
            if isinstance(finding, StillRunning):
                raise OutcomeUnknown(f"{command.doing}: something is still at work")
            if self._standing.tries(command, cleaning=True) >= MOST_TRIES:
                log.error("job.left_behind", job_id=str(self._claim.job_id), command=command.kind)
                return None
            last = self._standing.last
            if last is not None and last.cleaning and last.command.kind == command.kind:
                self._wait_after(last, failure_on_the_way(last.task, last.command.doing))
            return Step(command, asked, cleaning=True)
        return None

    def _wait_after(self, last: Asked, failure: Failure) -> None:
        """Let some time pass before the same is asked for again: what is in its way has to go."""
        settled = last.task.settled_at
        if settled is None:
            return
        with transaction() as session:
            now: datetime = session.execute(select(func.now())).scalar_one()
            base_seconds = limits(session).retry_base_seconds
        if now < settled + timedelta(seconds=base_seconds):
            raise OutcomeUnknown(f"{failure.message}trying again in a moment")

    def _asked(self, step: Step) -> bool:
        """Ask for it; `True` when vCenter is at work now and this run is over."""
        before = len(self._standing.history)
        try:
            if asking.ask(self._claim, self._vcenter, self._system_id, self._standing, step):
                return True
        except (OutcomeUnknown, LostLease, ResourceUnavailable):
            raise
        except VrelocateError as error:
            self._read()
            if len(self._standing.history) > before:
                return False  # it is written down, and judged as any other end
            if step.cleaning:
                raise
            # It could not even be intended. What the commands before it have done is cleaned up.
            failure = failures.of_error(error)
            self._give_up(replace(failure, message=f"{failure.message}; "))
            return False
        self._read()
        return False

    def _give_up(self, failure: Failure) -> None:
        """Write down why the program ends here: what is left behind is cleaned up, whoever does it."""
        self._standing = self._standing.failed(failure)
        with transaction() as session:
            leases.held(session, self._claim)
            attempt = job_queries.open_attempt(session, self._claim.job_id)
            if attempt is not None:
                attempt.program = program_to_json(self._standing.program)

    def _require_rest(self, last: Asked) -> None:
        """Raise `OutcomeUnknown` while something works on the entity of a task that was forgotten (law 5)."""
        if last.task.state is not TaskState.VANISHED:
            return
        try:
            finding = commands.look(self._vcenter, last.command)
        except ManagedObjectGone:
            return
        if isinstance(finding, StillRunning):
            raise OutcomeUnknown("vCenter has forgotten the task, and something is still at work on the VM")

    def _judged(self) -> bool:
        """Look where everything is, and end the attempt accordingly; `True` when its clean-up comes first."""
        history = self._past.history
        failure, last = self._standing.program.failure, self._standing.last_of_program
        at = places(self._vcenter, history)
        try:
            sight = look(self._claim, self._vcenter, self._request, at)
        except NotFound as gone:
            if failure is None:
                raise
            by_hand = where_to_register(history)
            outcomes.fail(self._claim, replace(failure, message=f"{failure.message}{gone}{by_hand}"))
            return False
        rest = sight.move
        if rest.is_empty:
            self._end(sight, at)
            return False
        if failure is None:
            failure = failure_at_the_end(last.task if last else None)
            if self._standing.program.cleanup(self._standing.asked):
                self._give_up(failure)
                return True
        left = {disk.volume_id for disk in rest.disks}
        outcomes.fail(self._claim, with_places(failure, rest, sight.machine), left=left)
        return False

    def _end(self, sight: Sight, at: Sequence[str]) -> None:
        """End a job that has nothing left to be moved, if every disk is the one that it was, in its own place."""
        history, tasks = self._past.history, self._past.tasks
        for command in owed(self._vcenter, self._past.programs, history):
            if isinstance(command, PlaceDisk):
                failure = not_placed(self._standing.program.failure, command.source_path or "", command.target_path)
                outcomes.fail(self._claim, failure, left=())
                return
        records = records_of(tasks)
        shown = read_back(self._claim, self._vcenter, sight, records, history, also_at=at)
        compared = {it["volume_id"]: compare(it, shown[it["volume_id"]]) for it in records}
        problems = [problem for it in compared.values() for problem in it.problems]
        if problems:
            outcomes.fail(self._claim, not_the_same(problems), left=())
            return
        told = {volume_id: it.told for volume_id, it in compared.items()}
        result, detail = result_of(self._request, tasks, told), {"disks": told}
        given_up = self._standing.program.failure
        # Everything is where it should be; what the program had still to do, nobody does any more.
        left: Json = {"not_done": given_up.message.rstrip("; ")} if given_up else {}
        offerings = self._offerings()
        taken: Json = {"disk_offerings": {str(it): str(offerings[it]) for it in offerings}} if offerings else {}
        try:
            outcomes.succeed(self._claim, result | left, detail | left | taken, offerings=offerings)
        except NotFound as gone:
            outcomes.fail(self._claim, offering_gone(gone), left=())

    def _offerings(self) -> dict[UUID, UUID]:
        """Return the disk offerings that volumes take when the job succeeds, by volume."""
        request = self._request
        if not isinstance(request, MigrateVolume) or request.offering_id is None:
            return {}
        return {request.volume_id: request.offering_id}
