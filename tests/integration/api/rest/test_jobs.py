"""Jobs as resources: shown, listed with filters and cursors, cancelled, tried again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cs import CloudStack
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.jobs.models import Attempt, Job, OutsideTask
from app.jobs.states import JobState, TaskState

pytestmark = pytest.mark.integration

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PROBLEM = "application/problem+json"
RestAs = Callable[..., httpx.Client]


def problem(answer: httpx.Response, status: int, name: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    told: dict[str, Any] = answer.json()
    assert (told["status"], told["type"]) == (status, f"urn:vrelocate:problem:{name}")
    return told


def test_a_job_that_waits(rest: httpx.Client, job_id: str, landscape: SimpleNamespace) -> None:
    answer = rest.get(f"/jobs/{job_id}")
    job = answer.json()
    assert answer.headers["cache-control"] == "no-cache", "whoever keeps it asks whether it is still so"
    assert (job["id"], job["command"], job["state"], job["over"]) == (job_id, "migrateVolume", "queued", False)
    assert job["resource"] == {"type": "Volume", "id": str(landscape.loose.id)}
    assert (job["account"]["name"], job["phase"], job["attempt"]) == ("the admin", "waiting for a worker", 0)
    assert (job["timeout_seconds"], job["result"], job["error"], job["stop"]) == (90, None, None, None)
    assert datetime.fromisoformat(job["created_at"]).tzinfo is not None


def test_a_job_is_cancelled_and_tried_again(rest: httpx.Client, job_id: str) -> None:
    cancelled = rest.post(f"/jobs/{job_id}/cancel")
    assert cancelled.status_code == 202
    job = cancelled.json()
    assert (job["state"], job["over"], job["stop"]["why"]) == ("cancelled", True, "cancel")
    assert job["error"]["text"].startswith("cancelled on request (waiting for a worker)")
    assert rest.post(f"/jobs/{job_id}/cancel").json() == job, "again, and nothing changes"
    again = rest.post(f"/jobs/{job_id}/retry").json()
    assert (again["state"], again["stop"], again["error"]) == ("queued", None, None)
    assert rest.post(f"/jobs/{job_id}/retry").json() == again, "one that is live is left as it is"
    events = rest.get(f"/jobs/{job_id}/events").json()
    assert [it["kind"] for it in events["items"]] == ["accepted", "to be stopped", "finished", "tried again"]
    assert {it["account"] for it in events["items"]} == {"the admin"}
    assert events["next_cursor"] is None


def test_a_history_is_read_page_by_page(rest: httpx.Client, job_id: str) -> None:
    for _ in range(2):
        rest.post(f"/jobs/{job_id}/cancel")
        rest.post(f"/jobs/{job_id}/retry")
    whole = rest.get(f"/jobs/{job_id}/events").json()["items"]
    seen: list[dict[str, Any]] = []
    cursor: int | None = 0
    while cursor is not None:
        page = rest.get(f"/jobs/{job_id}/events", params={"limit": 3, "cursor": cursor}).json()
        assert len(page["items"]) <= 3
        seen, cursor = seen + page["items"], page["next_cursor"]
    assert seen == whole
    assert len(whole) == 7


def test_an_attempt_with_its_steps(rest: httpx.Client, job_id: str, session: Session) -> None:
    job = session.get_one(Job, UUID(job_id))
    job.attempt, number = 1, 1
    session.add(Attempt(job_id=job.id, number=number, worker="w1", strategy="relocate", started_at=NOON))
    session.flush()
    command = {"position": 0, "doing": "relocating", "copies": True, "command": {"kind": "relocate-vm"}}
    session.add(
        OutsideTask(
            job_id=job.id, attempt=number, sequence=0, system_id=job.system_id, command=command, reference="task-7",
            state=TaskState.ERROR, settled_at=NOON, fault="FileLocked", fault_class="retry", message="locked",
        )
    )  # fmt: skip
    session.commit()
    (attempt,) = rest.get(f"/jobs/{job_id}/attempts").json()["items"]
    assert (attempt["number"], attempt["strategy"], attempt["outcome"]) == (1, "relocate", None)
    assert attempt["tasks"] == ["task-7"]
    (step,) = attempt["steps"]
    assert (step["doing"], step["state"], step["task"], step["fault"]) == (
        "relocating",
        "error",
        "task-7",
        "FileLocked",
    )
    session.execute(delete(OutsideTask).where(OutsideTask.job_id == job.id))
    session.execute(delete(Attempt).where(Attempt.job_id == job.id))
    session.commit()


def test_how_a_job_ended(rest: httpx.Client, job_id: str, session: Session) -> None:
    job = session.get_one(Job, UUID(job_id))
    job.state, job.finished_at, job.result = JobState.SUCCEEDED, NOON, {"disks": [{"from": "old"}], "not_done": "x"}
    session.commit()
    told = rest.get(f"/jobs/{job_id}").json()
    assert (told["result"], told["error"]) == ({"disks": [{"from": "old"}], "not_done": "x"}, None)
    assert problem(rest.post(f"/jobs/{job_id}/cancel"), 409, "job-is-over")["detail"].endswith("nothing to stop")
    assert problem(rest.post(f"/jobs/{job_id}/retry"), 409, "job-has-succeeded")["detail"].endswith("try again")
    job.state, job.error_code, job.error_text, job.result = JobState.FAILED, 533, "no space on new", None
    session.commit()
    assert rest.get(f"/jobs/{job_id}").json()["error"] == {"code": 533, "text": "no space on new"}


def test_another_job_at_work_is_named(
    rest: httpx.Client, job_id: str, client: CloudStack, landscape: SimpleNamespace, session: Session
) -> None:
    rest.post(f"/jobs/{job_id}/cancel")
    other = client.migrateVolume(volumeid=str(landscape.loose.id), storageid=str(landscape.new.id))["jobid"]
    assert problem(rest.post(f"/jobs/{job_id}/retry"), 409, "live-job-exists")["job_id"] == other
    session.execute(delete(Job).where(Job.id == UUID(other)))
    session.commit()


@pytest.fixture
def jobs(session: Session, job_id: str) -> list[Job]:
    """Twelve jobs of one day, the newest first, of another day than the others."""
    model = session.get_one(Job, UUID(job_id))
    made = []
    for hour in range(12):
        over = hour % 3 == 0
        made.append(
            Job(
                command="migrateVolume" if hour % 2 else "migrateVirtualMachine",
                state=JobState.FAILED if over else JobState.QUEUED,
                subject=f"volume:{uuid4()}",
                resource_type="Volume" if hour % 2 else "VirtualMachine",
                resource_id=uuid4(),
                system_id=model.system_id,
                account_id=model.account_id if hour < 6 else uuid4(),
                user_id=model.user_id,
                payload=model.payload,
                max_attempts=5,
                created_at=NOON - timedelta(hours=hour),
                finished_at=NOON if over else None,
                error_code=530 if over else None,
                error_text="no" if over else None,
            )
        )
    session.add_all(made)
    session.commit()
    return made


@pytest.fixture(autouse=True)
def _gone_afterwards(session: Session) -> Any:  # noqa: ANN401  # a generator
    yield
    session.rollback()
    session.execute(delete(Job).where(Job.created_at <= NOON))
    session.commit()


FILTERS: list[tuple[dict[str, object], Callable[[Job, int], bool]]] = [
    ({}, lambda _job, _hour: True),
    ({"state": "failed"}, lambda _job, hour: hour % 3 == 0),
    ({"state": ["failed", "queued"]}, lambda _job, _hour: True),
    ({"state": "running"}, lambda _job, _hour: False),
    ({"command": "VOLUME"}, lambda job, _hour: job.command == "migrateVolume"),
    ({"resource_type": "Volume"}, lambda job, _hour: job.resource_type == "Volume"),
    ({"account": "the admin"}, lambda _job, hour: hour < 6),
    ({"created_after": (NOON - timedelta(hours=4)).isoformat()}, lambda _job, hour: hour <= 4),
    ({"state": "queued", "resource_type": "Volume"}, lambda job, hour: hour % 3 != 0 and job.resource_type == "Volume"),
]


@pytest.mark.parametrize(("narrowed", "meant"), FILTERS, ids=[str(sorted(it[0])) for it in FILTERS])
@pytest.mark.parametrize("size", [3, 4, 500])
def test_a_list_is_narrowed_and_read_page_by_page(
    rest: httpx.Client, jobs: list[Job], narrowed: dict[str, Any], meant: Callable[[Job, int], bool], size: int
) -> None:
    asked = {"created_before": NOON.isoformat(), "limit": size, **narrowed}
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = rest.get("/jobs", params=asked | ({"cursor": cursor} if cursor else {})).raise_for_status().json()
        seen, cursor = seen + [it["id"] for it in page["items"]], page["next_cursor"]
    assert seen == [str(job.id) for hour, job in enumerate(jobs) if meant(job, hour)]


def test_jobs_about_one_thing_whatever_it_is(rest: httpx.Client, jobs: list[Job]) -> None:
    for job in jobs[:2]:
        for narrowed in ({}, {"resource_type": job.resource_type}):
            page = rest.get("/jobs", params={"resource_id": str(job.resource_id), **narrowed}).json()
            assert [it["id"] for it in page["items"]] == [str(job.id)]
    other = {"resource_id": str(jobs[0].resource_id), "resource_type": "Volume"}
    assert rest.get("/jobs", params=other).json() == {"items": [], "next_cursor": None}


def test_a_page_goes_on_where_it_ended_though_jobs_come_and_go(
    rest: httpx.Client, jobs: list[Job], session: Session
) -> None:
    asked = {"created_before": NOON.isoformat(), "limit": 5}
    first = rest.get("/jobs", params=asked).json()
    session.delete(jobs[4])  # the very job that the page ended with
    session.commit()
    more = rest.get("/jobs", params={**asked, "cursor": first["next_cursor"]}).json()
    assert [it["id"] for it in more["items"]] == [str(job.id) for job in jobs[5:10]]


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"limit": 0}, "query.limit"),
        ({"limit": 501}, "query.limit"),
        ({"limit": "many"}, "query.limit"),
        ({"cursor": "here"}, "query.cursor"),
        ({"state": "done"}, "query.state.0"),
        ({"created_after": "2026-03-01T12:00:00"}, "query.created_after"),
        ({"resource_id": "7"}, "query.resource_id"),
        ({"account": "a\0b"}, "query.account"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_named(rest: httpx.Client, asked: dict[str, object], fault: str) -> None:
    told = problem(rest.get("/jobs", params=asked), 422, "invalid-request")
    assert [it["where"] for it in told["faults"]] == [fault]
    assert told["detail"].startswith(f"{fault}: ")


def test_what_is_not_there(rest: httpx.Client) -> None:
    nothing = uuid4()
    for path in (f"/jobs/{nothing}", f"/jobs/{nothing}/events", f"/jobs/{nothing}/attempts"):
        assert str(nothing) in problem(rest.get(path), 404, "not-found")["detail"]
    for path in (f"/jobs/{nothing}/cancel", f"/jobs/{nothing}/retry"):
        problem(rest.post(path), 404, "not-found")
    problem(rest.get("/jobs", params={"account": "nobody"}), 404, "not-found")
    problem(rest.get("/nothing"), 404, "not-found")
    assert "GET" in rest.delete(f"/jobs/{nothing}").headers["allow"]
    problem(rest.delete(f"/jobs/{nothing}"), 405, "method-not-allowed")
