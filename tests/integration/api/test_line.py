"""Priorities that clients give, and the places in line that they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cs import CloudStack
from sqlalchemy import delete, event
from sqlalchemy.orm import Session

from app.access.keys import Caller
from app.access.roles import Role
from app.api.cloudstack.jobviews import show
from app.jobs.models import Job, Slot
from app.jobs.states import JobState

pytestmark = pytest.mark.integration

Call = Callable[..., httpx.Response]
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
CALLS = ("migrateVolume", "migrateVirtualMachine", "migrateVirtualMachineWithVolume")


@pytest.fixture(autouse=True)
def _no_jobs(session: Session) -> Iterator[None]:
    yield
    session.rollback()
    session.execute(delete(Job))
    session.commit()


@pytest.fixture
def ask(call: Call, landscape: SimpleNamespace) -> Callable[..., httpx.Response]:
    """Ask for a migration with one of the three calls."""

    def asked(command: str, **more: str) -> httpx.Response:
        vm, new = str(landscape.web.id), str(landscape.new.id)
        given = {
            "migrateVolume": {"volumeid": str(landscape.loose.id), "storageid": new},
            "migrateVirtualMachine": {"virtualmachineid": vm, "storageid": new},
            "migrateVirtualMachineWithVolume": {
                "virtualmachineid": vm,
                "migrateto[0].volume": str(landscape.web_data.id),
                "migrateto[0].pool": new,
            },
        }[command]
        return call(command=command, response="json", **given, **more)

    return asked


def job_of(response: httpx.Response) -> str:
    [content] = response.json().values()
    return str(content["jobid"])


@pytest.mark.parametrize("command", CALLS)
@pytest.mark.parametrize("priority", [-100, 0, 100])
def test_every_migration_takes_a_priority(
    client: CloudStack, ask: Callable[..., httpx.Response], command: str, priority: int
) -> None:
    job = job_of(ask(command, priority=str(priority)))
    assert client.queryAsyncJobResult(jobid=job)["priority"] == priority


def test_without_one_it_is_zero(client: CloudStack, ask: Callable[..., httpx.Response]) -> None:
    assert client.queryAsyncJobResult(jobid=job_of(ask("migrateVolume")))["priority"] == 0


@pytest.mark.parametrize("command", CALLS)
@pytest.mark.parametrize("priority", ["101", "-101", "high", "1.5", "99999999999"])
def test_what_is_no_priority_is_refused(
    ask: Callable[..., httpx.Response], session: Session, command: str, priority: str
) -> None:
    response = ask(command, priority=priority)
    assert response.status_code == 431
    assert "priority" in response.json()[f"{command.lower()}response"]["errortext"]
    assert session.query(Job).count() == 0


def test_the_same_call_again_is_the_same_job_with_its_first_priority(
    client: CloudStack, ask: Callable[..., httpx.Response]
) -> None:
    chosen = str(uuid4())
    assert {job_of(ask("migrateVolume", customjobid=chosen, priority=it)) for it in ("7", "7", "8")} == {chosen}
    assert client.queryAsyncJobResult(jobid=chosen)["priority"] == 7


def test_a_retry_keeps_it(client: CloudStack, ask: Callable[..., httpx.Response]) -> None:
    job = job_of(ask("migrateVolume", priority="7"))
    client.cancelAsyncJob(jobid=job)
    assert client.retryAsyncJob(jobid=job)["priority"] == 7


@pytest.fixture
def waiting(session: Session, landscape: SimpleNamespace) -> Callable[..., str]:
    """Put a job into the database that stands in line, or stood there."""

    def add(state: JobState = JobState.QUEUED, **values: Any) -> str:  # noqa: ANN401  # a job's columns
        facts: dict[str, Any] = {
            "command": "migrateVolume",
            "subject": f"volume:{uuid4()}",
            "resource_type": "Volume",
            "resource_id": landscape.loose.id,
            "system_id": landscape.vcenter.id,
            "account_id": UUID(int=1),
            "user_id": UUID(int=1),
            "payload": {},
            "max_attempts": 5,
            "created_at": NOON,
            "waiting_for": "target-pool:1",
        }
        job = Job(state=state, **(facts | values))
        session.add(job)
        session.commit()
        return str(job.id)

    return add


def test_who_stands_in_line_is_told_its_place(client: CloudStack, waiting: Callable[..., str]) -> None:
    third = waiting(created_at=NOON + timedelta(minutes=2))
    second = waiting(created_at=NOON + timedelta(minutes=1))
    first = waiting(created_at=NOON + timedelta(minutes=3), priority=1)
    elsewhere = waiting(waiting_for="host:1")
    free = waiting(waiting_for=None)
    over = waiting(JobState.FAILED, error_code=530, error_text="no", finished_at=NOON)
    wanted = {first: 1, second: 2, third: 3, elsewhere: 1, free: None, over: None}
    assert {it: client.queryAsyncJobResult(jobid=it).get("placeinline") for it in wanted} == wanted
    assert {it["jobid"]: it.get("placeinline") for it in client.listAsyncJobs()["asyncjobs"]} == wanted


def test_a_place_is_kept_until_the_slot_is_taken(
    client: CloudStack, waiting: Callable[..., str], session: Session
) -> None:
    """Also while a worker tries: those behind must not seem to be the first."""
    leased = {"lease_owner": "worker", "lease_expires_at": NOON}
    first, second = waiting(JobState.SUBMITTING, **leased), waiting(created_at=NOON + timedelta(minutes=1))
    assert [client.queryAsyncJobResult(jobid=it).get("placeinline") for it in (first, second)] == [1, 2]
    session.add(Slot(resource="target-pool:1", job_id=UUID(first)))
    session.commit()
    assert [client.queryAsyncJobResult(jobid=it).get("placeinline") for it in (first, second)] == [None, 1]


SOMEBODY = Caller(user_id=UUID(int=7), account_id=UUID(int=7), role=Role.READ_ONLY, key_name="somebody")


def test_any_number_of_jobs_are_shown_their_places_by_one_statement(
    session: Session, waiting: Callable[..., str]
) -> None:
    jobs = [session.get_one(Job, UUID(waiting(waiting_for=f"host:{number % 3}"))) for number in range(9)]
    asked: list[str] = []
    engine = session.get_bind()

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        assert sorted(it.place or 0 for it in show(session, jobs, SOMEBODY)) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
        assert sum("slot" in it for it in asked) == 1
        asked.clear()
        show(session, [session.get_one(Job, UUID(waiting(waiting_for=None)))], SOMEBODY)
        assert not any("slot" in it for it in asked), "nobody waits, and nothing is asked"
    finally:
        event.remove(engine, "before_cursor_execute", count)
