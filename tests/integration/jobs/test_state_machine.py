"""The job's whole life at random, on a real database: what the table of moves does not have never happens.

Workers claim, move, are paused, come back with stale claims; after every step the row is compared with what a model of
the rules expects, and PostgreSQL's own checks watch over it as well.
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

from app.db import transaction
from app.errors import LostLease
from app.jobs import leases
from app.jobs.leases import Claim, IllegalMove, claim_to_finish, claim_to_submit
from app.jobs.states import HELD, LEGAL_MOVES, TERMINAL, JobState, cloudstack_status
from app.jobs.stopping import JobIsOver, StopWish, wish_stop
from tests.integration.jobs.rows import everything_of, job, kinds, lapse_lease, make_due, new_job

pytestmark = pytest.mark.integration

COLUMNS: dict[JobState, dict[str, Any]] = {
    JobState.SUCCEEDED: {"result": {}},
    JobState.FAILED: {"error_code": 530, "error_text": "it failed"},
    JobState.CANCELLED: {"error_code": 530, "error_text": "somebody asked for it"},
}


class Life(RuleBasedStateMachine):
    """One job, any number of workers."""

    job_id: UUID
    state: JobState
    claim: Claim | None
    stale: list[Claim]
    lapsed: bool
    wish: StopWish | None

    @initialize()
    def accepted(self) -> None:
        self.job_id, self.state, self.claim, self.stale, self.lapsed = new_job(), JobState.QUEUED, None, [], False
        self.wish = None

    def _taken(self, claim: Claim | None, state: JobState, *, expected: bool) -> None:
        assert (claim is not None) == expected
        if claim is None:
            return
        if self.claim is not None:
            self.stale.append(self.claim)
        self.claim, self.state, self.lapsed = claim, state, False

    @rule(worker=st.sampled_from(["left", "right"]))
    def claims_to_submit(self, worker: str) -> None:
        expected = self.state is JobState.QUEUED or (self.state is JobState.SUBMITTING and self.lapsed)
        self._taken(claim_to_submit(self.job_id, worker), JobState.SUBMITTING, expected=expected)

    @rule(worker=st.sampled_from(["left", "right"]))
    def claims_to_finish(self, worker: str) -> None:
        """It has no outside task at all, so none is under way."""
        expected = self.state is JobState.RUNNING or (self.state is JobState.VERIFYING and self.lapsed)
        self._taken(claim_to_finish(self.job_id, worker), JobState.VERIFYING, expected=expected)

    @precondition(lambda self: self.claim is not None)
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
        self.state = after
        if after not in HELD:
            self.stale.append(self.claim)
            self.claim, self.lapsed = None, False

    @precondition(lambda self: self.stale)
    @rule(data=st.data(), after=st.sampled_from(JobState))
    def comes_back_too_late(self, data: st.DataObject, after: JobState) -> None:
        before = everything_of(self.job_id)
        with pytest.raises(LostLease):
            self._move(data.draw(st.sampled_from(self.stale)), after)
        assert everything_of(self.job_id) == before

    @precondition(lambda self: self.claim is not None)
    @rule()
    def dies(self) -> None:
        lapse_lease(self.job_id)
        self.lapsed = True

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
        if self.state is JobState.QUEUED:
            self.state = JobState.CANCELLED if self.wish is StopWish.CANCEL else JobState.FAILED
        assert wish_stop(self.job_id, wish, "somebody") is self.state

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
        assert row.stop_wish == self.wish
        assert (cloudstack_status(row.state) == 0) == (self.state not in TERMINAL)

    def _move(self, claim: Claim, after: JobState) -> None:
        with transaction() as session:
            leases.move(session, claim, after, kind="moved", **COLUMNS.get(after, {}))


@pytest.mark.usefixtures("installation")
def test_a_job_only_ever_moves_as_the_table_says() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
