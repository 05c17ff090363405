"""Law 7: what must never be, the schema refuses, whoever writes it."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError

from app.db import transaction
from app.jobs.models import Attempt, OutsideTask
from app.jobs.states import JobState, TaskState
from tests.integration.jobs.rows import NOBODY, new_job

pytestmark = pytest.mark.integration

NOW = text("now()")
LEASED = {"lease_owner": "w", "lease_expires_at": NOW}
FINISHED = {"finished_at": NOW}
REASON = {"error_code": 530, "error_text": "no"}


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"state": JobState.SUBMITTING}, "leased_while_held"),
        ({"state": JobState.VERIFYING}, "leased_while_held"),
        ({"state": JobState.QUEUED, **LEASED}, "leased_while_held"),
        ({"state": JobState.RUNNING, **LEASED}, "leased_while_held"),
        ({"state": JobState.SUCCEEDED, "result": {}, **FINISHED, **LEASED}, "leased_while_held"),
        ({"state": JobState.SUBMITTING, "lease_owner": "w"}, "lease_is_whole"),
        ({"state": JobState.QUEUED, "lease_expires_at": NOW}, "lease_is_whole"),
        ({"state": JobState.SUCCEEDED, "result": {}}, "finished_when_terminal"),
        ({"state": JobState.FAILED, **REASON}, "finished_when_terminal"),
        ({"state": JobState.CANCELLED, **REASON}, "finished_when_terminal"),
        ({"state": JobState.QUEUED, **FINISHED}, "finished_when_terminal"),
        ({"state": JobState.RUNNING, **FINISHED}, "finished_when_terminal"),
        ({"state": JobState.SUCCEEDED, **FINISHED}, "success_has_result"),
        ({"state": JobState.FAILED, "error_code": 530, **FINISHED}, "failure_has_reason"),
        ({"state": JobState.FAILED, "error_text": "no", **FINISHED}, "failure_has_reason"),
        ({"state": JobState.CANCELLED, **FINISHED}, "failure_has_reason"),
        ({"progress": 101}, "progress_is_percent"),
        ({"progress": -1}, "progress_is_percent"),
    ],
)
def test_a_job_that_contradicts_itself_is_refused(columns: dict[str, object], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=f"ck_job_{constraint}"):
        new_job(**columns)


def test_a_state_that_does_not_exist_is_refused() -> None:
    job_id = new_job()
    with pytest.raises(DataError, match="job_state"), transaction() as session:
        session.execute(text("UPDATE job SET state = 'paused' WHERE id = :id"), {"id": job_id})


LIVE = [
    {"state": JobState.QUEUED},
    {"state": JobState.SUBMITTING, **LEASED},
    {"state": JobState.RUNNING},
    {"state": JobState.VERIFYING, **LEASED},
]
OVER = [
    {"state": JobState.SUCCEEDED, "result": {}, **FINISHED},
    {"state": JobState.FAILED, **REASON, **FINISHED},
    {"state": JobState.CANCELLED, **REASON, **FINISHED},
]


@pytest.mark.parametrize("columns", LIVE, ids=lambda columns: columns["state"])
def test_an_entity_has_one_live_job(columns: dict[str, object]) -> None:
    new_job(subject="vm:1", **columns)
    with pytest.raises(IntegrityError, match="uq_job_live_subject"):
        new_job(subject="vm:1")
    new_job(subject="vm:2")


@pytest.mark.parametrize("columns", OVER, ids=lambda columns: columns["state"])
def test_an_entity_whose_job_is_over_may_have_another(columns: dict[str, object]) -> None:
    new_job(subject="vm:1", **columns)
    new_job(subject="vm:1")


def with_attempt() -> UUID:
    job_id = new_job()
    with transaction() as session:
        session.add(Attempt(job_id=job_id, number=1, worker="w"))
    return job_id


def add_task(job_id: UUID, **columns: object) -> None:
    needed = {"job_id": job_id, "attempt": 1, "sequence": 0, "system_id": NOBODY, "command": {}}
    with transaction() as session:
        session.add(OutsideTask(**{**needed, **columns}))


@pytest.mark.parametrize("state", [TaskState.INTENDED, TaskState.QUEUED, TaskState.RUNNING])
def test_a_task_that_is_under_way_is_not_settled(state: TaskState) -> None:
    with pytest.raises(IntegrityError, match="ck_outside_task_settled_when_over"):
        add_task(with_attempt(), state=state, settled_at=NOW)


@pytest.mark.parametrize("state", [TaskState.SUCCESS, TaskState.ERROR, TaskState.VANISHED, TaskState.ABANDONED])
def test_a_task_that_is_over_is_settled(state: TaskState) -> None:
    with pytest.raises(IntegrityError, match="ck_outside_task_settled_when_over"):
        add_task(with_attempt(), state=state)


def test_a_job_has_one_task_under_way() -> None:
    job_id = with_attempt()
    add_task(job_id)
    with pytest.raises(IntegrityError, match="uq_outside_task_open"):
        add_task(job_id, sequence=1)


def test_a_task_belongs_to_an_attempt() -> None:
    with pytest.raises(IntegrityError, match="fk_outside_task_attempt"):
        add_task(new_job())


def test_a_place_in_an_attempt_is_taken_once() -> None:
    job_id = with_attempt()
    add_task(job_id, state=TaskState.ERROR, settled_at=NOW)
    with pytest.raises(IntegrityError, match="uq_outside_task_job_id"):
        add_task(job_id)


def test_an_attempt_ends_with_an_outcome() -> None:
    with pytest.raises(IntegrityError, match="ended_with_outcome"), transaction() as session:
        session.add(Attempt(job_id=new_job(), number=1, worker="w", ended_at=NOW))


def test_a_percentage_of_a_task_is_one() -> None:
    with pytest.raises(IntegrityError, match="ck_outside_task_progress_is_percent"):
        add_task(with_attempt(), progress=101)
