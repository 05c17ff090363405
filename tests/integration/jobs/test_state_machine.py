"""The job's whole life at random, on a real database: what the table of moves does not have never happens.

Workers claim, submit, move, are killed, are paused and come back with stale claims; tasks end, deadlines pass, somebody
cancels, tries again by hand, or asks for the same VM once more. After every step the row is compared with what a model
of the rules expects, and PostgreSQL's own checks watch over it as well.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from app.db import transaction
from app.errors import LiveJobExists, LostLease
from app.jobs import attempts, leases, outside
from app.jobs.leases import Claim, IllegalMove, claim_to_finish, claim_to_submit
from app.jobs.outside import Ending
from app.jobs.states import HELD, LEGAL_MOVES, LIVE, TERMINAL, JobState, TaskState, cloudstack_status
from app.jobs.stopping import JobIsOver, StopWish, stop_overdue, wish_stop
from app.migration.accept import accept
from app.migration.requests import MigrateVirtualMachine, Request
from app.migration.retry import CannotRetry, retry
from tests.integration import known
from tests.integration.jobs.rows import end, everything_of, job, kinds, lapse_lease, make_due, pass_deadline, replayed
from tests.running.vcenter import RunningVCenter

pytestmark = pytest.mark.integration

MOST = 200
SOMEBODY = UUID(int=1)

COLUMNS: dict[JobState, dict[str, Any]] = {
    JobState.SUCCEEDED: {"result": {}},
    JobState.FAILED: {"error_code": 530, "error_text": "it failed"},
    JobState.CANCELLED: {"error_code": 530, "error_text": "somebody asked for it"},
}


class Life(RuleBasedStateMachine):
    """One job, any number of workers."""

    request: Request
    system_id: UUID
    job_id: UUID
    other: UUID | None
    """A live job of somebody else's for the same VM."""
    state: JobState
    claim: Claim | None
    killed: bool
    """Its holder is dead: it writes nothing any more."""
    stale: list[Claim]
    lapsed: bool
    wish: StopWish | None
    began: bool
    """vCenter has begun to work for it."""
    task: UUID | None
    """What vCenter is at work on."""
    asked: int

    @initialize()
    def accepted(self) -> None:
        with transaction() as session:
            session.execute(text("DELETE FROM job"))
        vm, pool = known.vm("vm-01"), known.pool("new")
        self.request, self.system_id = MigrateVirtualMachine(vm_id=vm.id, pool_id=pool.id), vm.vcenter_id
        self.job_id = accept(self.request, user_id=SOMEBODY, account_id=SOMEBODY)
        self.state, self.claim, self.stale, self.lapsed, self.killed = JobState.QUEUED, None, [], False, False
        self.wish, self.began, self.task, self.asked, self.other = None, False, None, 0, None

    def _taken(self, claim: Claim | None, state: JobState, *, expected: bool) -> None:
        assert (claim is not None) == expected
        if claim is None:
            return
        if self.claim is not None:
            self.stale.append(self.claim)
        self.claim, self.state, self.lapsed, self.killed = claim, state, False, False

    @rule(worker=st.sampled_from(["left", "right"]))
    def claims_to_submit(self, worker: str) -> None:
        expected = self.state is JobState.QUEUED or (self.state is JobState.SUBMITTING and self.lapsed)
        self._taken(claim_to_submit(self.job_id, worker), JobState.SUBMITTING, expected=expected)

    @rule(worker=st.sampled_from(["left", "right"]))
    def claims_to_finish(self, worker: str) -> None:
        ended = self.state is JobState.RUNNING and self.task is None
        expected = ended or (self.state is JobState.VERIFYING and self.lapsed)
        self._taken(claim_to_finish(self.job_id, worker), JobState.VERIFYING, expected=expected)

    @precondition(lambda self: self.claim is not None and not self.killed)
    @rule()
    def submits(self) -> None:
        """As a step does: its attempt, the intent, and what vCenter answered."""
        assert self.claim is not None
        with transaction() as session:
            attempt = attempts.begin(session, self.claim).number
        task = outside.intend(self.claim, attempt, self.asked, self.system_id, {})
        self.asked += 1
        outside.submitted(self.claim, task, f"task-{self.asked}")
        self.task, self.began = task, True
        self._let_go(JobState.RUNNING)

    @precondition(lambda self: self.task is not None)
    @rule(how=st.sampled_from([TaskState.SUCCESS, TaskState.ERROR, TaskState.VANISHED]))
    def its_task_ends(self, how: TaskState) -> None:
        assert self.task is not None
        with transaction() as session:
            assert outside.settle(session, self.task, Ending(how)) == self.job_id
            assert outside.settle(session, self.task, Ending(TaskState.ABANDONED)) is None
        self.task = None

    @precondition(lambda self: self.claim is not None and not self.killed)
    @rule(after=st.sampled_from(JobState))
    def moves(self, after: JobState) -> None:
        assert self.claim is not None
        if after not in LEGAL_MOVES[self.state]:
            before = everything_of(self.job_id)
            with pytest.raises(IllegalMove):
                self._move(self.claim, after)
            assert everything_of(self.job_id) == before
            return
        self._move(self.claim, after)
        if after in HELD:
            self.state = after
        else:
            self._let_go(after)

    @precondition(lambda self: self.stale)
    @rule(data=st.data(), after=st.sampled_from(JobState))
    def comes_back_too_late(self, data: st.DataObject, after: JobState) -> None:
        before = everything_of(self.job_id)
        with pytest.raises(LostLease):
            self._move(data.draw(st.sampled_from(self.stale)), after)
        assert everything_of(self.job_id) == before

    @precondition(lambda self: self.claim is not None)
    @rule()
    def is_killed(self) -> None:
        """It writes nothing any more, and its lease is in force until it runs out."""
        self.killed = True

    @precondition(lambda self: self.claim is not None)
    @rule()
    def its_lease_runs_out(self) -> None:
        """Of one that was killed; or that was paused, and goes on if nobody was faster."""
        lapse_lease(self.job_id)
        self.lapsed = True

    @precondition(lambda self: self.claim is not None and not self.killed)
    @rule()
    def renews(self) -> None:
        assert self.claim is not None
        leases.renew(self.claim)
        self.lapsed = False

    @rule(wish=st.sampled_from(StopWish))
    def is_to_stop(self, wish: StopWish) -> None:
        """Whoever wishes it needs no claim: what nobody holds ends, and nobody is disturbed who holds it."""
        if self.state in {JobState.SUCCEEDED, JobState.FAILED}:
            before = everything_of(self.job_id)
            with pytest.raises(JobIsOver):
                wish_stop(self.job_id, wish, "somebody")
            assert everything_of(self.job_id) == before
            return
        if self.state is not JobState.CANCELLED and self.wish is None:
            self.wish = wish
        self._end_queued()
        assert wish_stop(self.job_id, wish, "somebody") is self.state

    @rule()
    def its_time_is_over(self) -> None:
        """Before the work has begun only what waits is given up."""
        pass_deadline(self.job_id)
        stops = self.state in LIVE and self.wish is None and (self.began or self.state is JobState.QUEUED)
        assert stop_overdue(MOST, "sweeper") == int(stops)
        if stops:
            self.wish = StopWish.DEADLINE
            self._end_queued()

    @rule()
    def is_tried_again_by_hand(self) -> None:
        before = everything_of(self.job_id)
        if self.state is JobState.SUCCEEDED:
            with pytest.raises(CannotRetry):
                retry(self.job_id, "somebody")
        elif self.state in TERMINAL and self.other is not None:
            with pytest.raises(LiveJobExists):
                retry(self.job_id, "somebody")
        else:
            retry(self.job_id, "somebody")
            if self.state in TERMINAL:
                self.state, self.wish, self.began = JobState.QUEUED, None, False
                return
        assert everything_of(self.job_id) == before

    @rule()
    def somebody_asks_for_the_same(self) -> None:
        """One live job an entity."""
        if self.state in LIVE or self.other is not None:
            with pytest.raises(LiveJobExists):
                accept(self.request, user_id=SOMEBODY, account_id=SOMEBODY)
        else:
            self.other = accept(self.request, user_id=SOMEBODY, account_id=SOMEBODY)

    @precondition(lambda self: self.other is not None)
    @rule()
    def theirs_ends(self) -> None:
        assert self.other is not None
        end(self.other)
        self.other = None

    @precondition(lambda self: self.state is JobState.QUEUED)
    @rule()
    def waits(self) -> None:
        make_due(self.job_id)

    @invariant()
    def the_row_says_so(self) -> None:
        row = job(self.job_id)
        assert row.state is self.state
        assert (row.lease_owner is not None) == (row.lease_expires_at is not None) == (self.state in HELD)
        assert (row.finished_at is not None) == (self.state in TERMINAL)
        assert row.lease_owner == (self.claim.owner if self.claim else None)
        assert row.fence == len({claim.fence for claim in [*self.stale, *([self.claim] if self.claim else [])]})
        assert kinds(self.job_id).count("claimed") == row.fence
        assert replayed(self.job_id) is row.state, "every move is in the history"
        assert row.stop_wish == self.wish
        assert (cloudstack_status(row.state) == 0) == (self.state not in TERMINAL)

    @invariant()
    def no_two_fences_are_live(self) -> None:
        """Of all claims that were ever given out, the last one alone may write, and only while the job is held."""
        live = [claim for claim in [*self.stale, *([self.claim] if self.claim else [])] if may_write(claim)]
        assert live == ([self.claim] if self.claim else [])

    def _let_go(self, after: JobState) -> None:
        assert self.claim is not None
        self.stale.append(self.claim)
        self.claim, self.state, self.lapsed, self.killed = None, after, False, False

    def _end_queued(self) -> None:
        if self.state is JobState.QUEUED:
            self.state = JobState.CANCELLED if self.wish is StopWish.CANCEL else JobState.FAILED

    def _move(self, claim: Claim, after: JobState) -> None:
        with transaction() as session:
            leases.move(session, claim, after, kind="moved", **COLUMNS.get(after, {}))


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """A lease runs out when the model says so."""
    return {**environment, "VRELOCATE_LEASE_SECONDS": "3600"}


def may_write(claim: Claim) -> bool:
    try:
        with transaction() as session:
            leases.held(session, claim)
    except LostLease:
        return False
    return True


@pytest.mark.usefixtures("installation")
def test_a_job_only_ever_moves_as_the_table_says(simulated: RunningVCenter) -> None:
    known.add(simulated)
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
