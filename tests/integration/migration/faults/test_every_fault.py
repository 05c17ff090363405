"""Every fault of the table at every moment: how the job ends, what the records say, what vCenter has counted."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from app.jobs.states import JobState
from app.vsphere.facts import FaultClass
from app.vsphere.remedies import remedy
from tests.integration.jobs import rows
from tests.integration.migration.faults.campaign import (
    ENDING,
    MOST_ATTEMPTS,
    PASSING,
    STAYING,
    Campaign,
    Case,
    Moment,
    for_ever,
    once,
    thrice,
    vcenter,
)
from tests.integration.migration.faults.laboratory import Laboratory
from tests.integration.migration.faults.table import Subject
from tests.integration.migration.steps import NOTHING_TAKEN

# All attempts are made in the first test's setup.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SUCCEEDED = ("succeeded", None, None)
VANISHED = "ManagedObjectNotFound"
LOST_LOGIN = "NotAuthenticated"


@pytest.fixture(scope="module")
def campaign(laboratory: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    """The campaign, over; its installation stays, so that records can be read."""
    settings = {"VRELOCATE_RETRY_MAX_ATTEMPTS": str(MOST_ATTEMPTS), "VRELOCATE_RETRY_BASE_SECONDS": "1000"}
    with vcenter(tmp_path_factory.mktemp("campaign")) as running, laboratory.working_with(running, settings) as steps:
        yield Campaign(steps)


def with_each(subjects: list[Subject]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("subject", subjects, ids=lambda subject: subject.id)


def attempts(job_id: UUID) -> list[tuple[str | None, str | None, str | None]]:
    return [(attempt.outcome, attempt.fault, attempt.fault_class) for attempt in rows.attempts(job_id)]


def tasks(job_id: UUID) -> list[tuple[int, str, str | None, str | None]]:
    return [(task.attempt, task.state.value, task.fault, task.fault_class) for task in rows.tasks(job_id)]


def counted(campaign: Campaign, case: Case) -> tuple[int, int, int, int]:
    """Return how many tasks vCenter has started, and how many of them succeeded, failed, were cancelled."""
    counts = campaign.counts(case)
    return counts.started, counts.succeeded, counts.failed, counts.cancelled


def places(case: Case) -> str:
    """Return the words for: everything is where it was."""
    still = [f"disk {name} is still on old" for name in case.disks]
    home = [f"the configuration of VM {case.name} is still on old"] if case.subject.is_vm else []
    return ", ".join(still + home)


def moved(job_id: UUID) -> list[tuple[str, str, str, bool]]:
    """Return what a job's result says of each disk."""
    result = rows.job(job_id).result
    assert result is not None
    return [(disk["name"], disk["from"], disk["to"], disk["verified"]) for disk in result["disks"]]


@with_each(PASSING)
def test_a_fault_that_may_pass_is_met_at_the_call_half_way_and_when_all_is_done(
    campaign: Campaign, subject: Subject
) -> None:
    """Each costs the job an attempt, but the last: vCenter says "failed", and the disks are where they should be."""
    case, name = thrice(subject), subject.fault.name
    job_id, after = campaign.job_id(case), campaign.after_each_round(case)
    failed, error = (name, subject.fault.fault_class), ("error", name, subject.fault.fault_class)
    if name == LOST_LOGIN:
        # At the call it is nothing to speak of: log in, ask once more.
        assert [job.state for job in after] == [JobState.QUEUED, JobState.SUCCEEDED, JobState.SUCCEEDED]
        assert attempts(job_id) == [("retried", *failed), SUCCEEDED]
        assert tasks(job_id) == [(1, *error), (2, *error)]
        half_way = 1
    else:
        assert [job.state for job in after] == [JobState.QUEUED, JobState.QUEUED, JobState.SUCCEEDED]
        assert attempts(job_id) == [("retried", *failed), ("retried", *failed), SUCCEEDED]
        assert tasks(job_id) == [(1, "abandoned", *failed), (2, *error), (3, *error)]
        assert f"attempt 1 failed ({name}): trying again in" in after[0].phase
        assert f"({name})" in (rows.attempts(job_id)[0].message or "")
        half_way = 2
    assert f"attempt {half_way} failed ({name}): trying again in" in after[half_way - 1].phase
    assert (rows.attempts(job_id)[half_way - 1].message or "").endswith(f"({name}); {places(case)}")
    assert rows.tasks(job_id)[0].message
    assert moved(job_id) == [(disk, "old", "new", True) for disk in case.disks]
    assert after[-1].error_text is None
    assert counted(campaign, case) == (2, 0, 2, 0)


@with_each(ENDING)
def test_a_call_that_is_refused_for_good_ends_the_job(campaign: Campaign, subject: Subject) -> None:
    case = once(subject, Moment.CALL)
    job_id, job = campaign.job_id(case), campaign.after_each_round(case)[0]
    # What is gone has a type of ours, whoever asked for it, and CloudStack's code for it.
    gone = subject.fault.name == VANISHED
    name = "ManagedObjectGone" if gone else subject.fault.name
    assert (job.state, job.error_code) == (JobState.FAILED, 431 if gone else 530)
    assert attempts(job_id) == [("failed", name, subject.fault.fault_class)]
    assert tasks(job_id) == [(1, "abandoned", name, FaultClass.RECONCILE if gone else subject.fault.fault_class)]
    what = "was removed from the inventory" if gone else f"({name})"
    advice = "" if gone else f": {remedy(name)}"
    assert (job.error_text or "").endswith(f"{what}; {places(case)}{advice}")
    assert counted(campaign, case) == (0, 0, 0, 0)


@pytest.mark.parametrize("subject", [it for it in ENDING if it.fault.name == "NoPermission"], ids=lambda it: it.id)
def test_a_call_that_is_refused_says_where_everything_is(campaign: Campaign, subject: Subject) -> None:
    case = once(subject, Moment.CALL)
    assert places(case) in (rows.job(campaign.job_id(case)).error_text or "")


@with_each(ENDING)
def test_a_task_that_fails_for_good_ends_the_job_and_says_where_everything_is(
    campaign: Campaign, subject: Subject
) -> None:
    case, name = once(subject, Moment.HALF_WAY), subject.fault.name
    job_id, job = campaign.job_id(case), campaign.after_each_round(case)[0]
    assert (job.state, job.error_code) == (JobState.FAILED, 530)
    assert attempts(job_id) == [("failed", name, subject.fault.fault_class)]
    assert tasks(job_id) == [(1, "error", name, subject.fault.fault_class)]
    assert (job.error_text or "").startswith("vCenter's task failed: ")
    assert (job.error_text or "").endswith(f"({name}); {places(case)}: {remedy(name)}")
    cancelled = subject.fault.fault_class is FaultClass.CANCELLED
    assert counted(campaign, case) == ((1, 0, 0, 1) if cancelled else (1, 0, 1, 0))


@with_each(ENDING)
def test_a_task_that_fails_for_good_when_all_is_done_has_done_it(campaign: Campaign, subject: Subject) -> None:
    """Law 4: what the task says does not decide."""
    case, name = once(subject, Moment.DONE), subject.fault.name
    job_id, job = campaign.job_id(case), campaign.after_each_round(case)[0]
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert moved(job_id) == [(disk, "old", "new", True) for disk in case.disks]
    assert attempts(job_id) == [SUCCEEDED]
    assert tasks(job_id) == [(1, "error", name, subject.fault.fault_class)]
    assert counted(campaign, case)[:2] == (1, 0)


@with_each(STAYING)
def test_a_fault_that_stays_is_not_met_for_ever(campaign: Campaign, subject: Subject) -> None:
    case, name = for_ever(subject), subject.fault.name
    job_id, after = campaign.job_id(case), campaign.after_each_round(case)
    assert [job.state for job in after] == [JobState.QUEUED] * (MOST_ATTEMPTS - 1) + [JobState.FAILED]
    failed = (name, subject.fault.fault_class)
    assert attempts(job_id) == [("retried", *failed)] * (MOST_ATTEMPTS - 1) + [("failed", *failed)]
    assert tasks(job_id) == [(number, "error", *failed) for number in range(1, MOST_ATTEMPTS + 1)]
    text = after[-1].error_text or ""
    assert text.endswith(f"({name}); {places(case)}: {remedy(name)} (after {MOST_ATTEMPTS} attempts)")
    assert counted(campaign, case) == (MOST_ATTEMPTS, 0, MOST_ATTEMPTS, 0)


@pytest.mark.parametrize("number", range(1, MOST_ATTEMPTS + 1))
def test_after_each_round_of_attempts_the_records_are_true_and_nothing_is_taken(
    campaign: Campaign, number: int
) -> None:
    """Every volume is on one pool, the one that vCenter shows it on, and no file is there that belongs to nothing."""
    after = campaign.rounds[number - 1]
    assert after.disagreements == []
    assert after.taken == NOTHING_TAKEN


def test_in_the_end_every_job_is_over(campaign: Campaign) -> None:
    assert {job.state for job in campaign.rounds[-1].jobs.values()} == {JobState.SUCCEEDED, JobState.FAILED}
