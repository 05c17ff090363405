"""A worker that was paused comes back to a job that is another's: whatever it was about to write, it writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from uuid import UUID

import pytest

from app.errors import CheckFailed, ResourceUnavailable
from app.hypervisors.commands import Command
from app.jobs import leases
from app.jobs.leases import Claim, claim_to_finish, claim_to_submit
from app.jobs.states import JobState
from app.migration import commands, submit, verify
from app.vsphere.errors import ReplyLost, VCenterFault
from app.vsphere.facts import FaultClass, FaultInfo
from app.vsphere.session import Session
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import Steps

pytestmark = pytest.mark.integration

LOCKED = VCenterFault(FaultInfo("FileLocked", "the file is locked", FaultClass.RETRY))
ERRORS = [CheckFailed(["no"]), ResourceUnavailable("away"), LOCKED, ReplyLost("lost"), KeyError("a bug"), None]


def told(error: Exception | None) -> str:
    return type(error).__name__ if error else "nothing"


@pytest.mark.parametrize("error", ERRORS, ids=told)
@pytest.mark.parametrize("where", ["look", "choose"])
def test_it_is_replaced_while_it_submits(
    steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch, *, error: Exception | None, where: str
) -> None:
    job_id = steps.ask_vm(unused.vm(), "new")
    after: list[str] = []
    real: Callable[..., object] = getattr(submit, where)

    def paused(*arguments: object) -> object:
        found = real(*arguments)
        rows.lapse_lease(job_id)
        assert claim_to_submit(job_id, "another")
        after.append(rows.everything_of(job_id))
        if error is not None:
            raise error
        return found

    with monkeypatch.context() as edge:
        edge.setattr(submit, where, paused)
        steps.submit(job_id)
    assert rows.everything_of(job_id) == after[0]


@pytest.mark.parametrize("error", ERRORS, ids=told)
def test_it_is_replaced_while_it_verifies(
    steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch, *, error: Exception | None
) -> None:
    job_id = steps.ask_vm(unused.vm(), "new")
    steps.submit(job_id)
    steps.watch()
    after: list[str] = []
    real: Callable[..., object] = getattr(verify, "look")  # noqa: B009  # as the module sees it

    def paused(*arguments: object) -> object:
        found = real(*arguments)
        rows.lapse_lease(job_id)
        assert claim_to_finish(job_id, "another")
        after.append(rows.everything_of(job_id))
        if error is not None:
            raise error
        return found

    with monkeypatch.context() as edge:
        edge.setattr(verify, "look", paused)
        steps.finish(job_id)
    assert rows.everything_of(job_id) == after[0]


@pytest.mark.parametrize(
    "error", [LOCKED, VCenterFault(FaultInfo("NoPermission", "no", FaultClass.PERMANENT)), KeyError("a bug")], ids=told
)
def test_a_submission_that_cannot_be_looked_for_is_not_over(
    steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch, *, error: Exception
) -> None:
    """Law 5: vCenter may be at work. No attempt ends and none begins while nobody can tell."""

    def lose(*_: object) -> str:
        raise ReplyLost("the connection broke")

    def cannot(*_: object) -> object:
        raise error

    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    with monkeypatch.context() as edge:
        edge.setattr(commands, "submit", lose)
        steps.submit(job_id)
        edge.setattr(commands, "look", cannot)
        rows.lapse_lease(job_id)
        job = steps.submit(job_id, "second")
    assert job.state is JobState.SUBMITTING
    assert "it cannot be seen yet how the last submission went" in job.phase
    [attempt] = rows.attempts(job_id)
    assert attempt.ended_at is None
    assert steps.take_over(job_id).state is JobState.SUCCEEDED
    assert steps.started(name) == 1


@pytest.mark.parametrize("error", [ResourceUnavailable("vCenter is away"), ResourceUnavailable("PostgreSQL is away")])
def test_what_cannot_even_be_tried_costs_no_attempt(
    steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch, *, error: Exception
) -> None:
    def away(*_: object) -> None:
        raise error

    job_id = steps.ask_vm(unused.vm(), "new")
    for _ in range(7):
        with monkeypatch.context() as edge:
            edge.setattr(submit, "look", away)
            job = steps.submit(job_id)
        assert (job.state, job.attempt, job.phase) == (JobState.QUEUED, 1, str(error))
        rows.make_due(job_id)
    assert steps.run(job_id).state is JobState.SUCCEEDED
    assert len(rows.attempts(job_id)) == 1


def test_a_vcenter_that_is_away_after_the_work_is_waited_for(
    steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise ResourceUnavailable("vCenter is away")

    job_id = steps.ask_vm(unused.vm(), "new")
    steps.submit(job_id)
    steps.watch()
    with monkeypatch.context() as edge:
        edge.setattr(verify, "look", away)
        job = steps.finish(job_id)
    assert (job.state, job.phase) == (JobState.VERIFYING, "vCenter is away")
    rows.lapse_lease(job_id)
    assert steps.finish(job_id, "second").state is JobState.SUCCEEDED


@pytest.mark.parametrize("kind", ["vm", "disk"])
def test_it_is_suspended_between_its_intent_and_the_call(
    steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Another worker has done all of it meanwhile: the call is not made, however late it comes."""
    entity = unused.vm() if kind == "vm" else unused.disk()
    job_id = steps.ask_vm(entity, "new") if kind == "vm" else steps.ask_disk(entity, "new")
    real, after = commands.submit, ""

    def all_of_it() -> None:
        steps.take_over(job_id)

    def suspended(vcenter: Session, command: Command, job: UUID) -> str | None:
        nonlocal after
        if not after:
            after = "another is at it"
            other = Thread(target=all_of_it)
            other.start()
            other.join()
            after = rows.everything_of(job_id)
        return real(vcenter, command, job)

    with monkeypatch.context() as edge:
        edge.setattr(commands, "submit", suspended)
        assert steps.submit(job_id).state is JobState.SUCCEEDED
    assert rows.everything_of(job_id) == after
    assert steps.started(entity) == 1


def test_it_is_suspended_and_still_holds_the_job(steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has taken it: the lease is renewed before anything is sent."""
    name = unused.vm()
    job_id = steps.ask_vm(name, "new")
    real, renewed = leases.renew, []

    def renew(claim: Claim) -> None:
        renewed.append(claim.job_id)
        real(claim)

    def suspended(*arguments: object) -> str | None:
        rows.lapse_lease(job_id)
        with monkeypatch.context() as edge:
            edge.setattr(leases, "renew", renew)
            return submit_command(*arguments)

    submit_command: Callable[..., str | None] = commands.submit
    with monkeypatch.context() as edge:
        edge.setattr(commands, "submit", suspended)
        assert steps.submit(job_id).state is JobState.RUNNING
    assert renewed == [job_id], "once, for all parts of the request"
    steps.watch()
    assert steps.finish(job_id).state is JobState.SUCCEEDED
