"""Migrations asked for over `/api/v1`: what is accepted, once and never twice, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.rest.serving import MAX_BODY_BYTES
from app.jobs.models import Job
from app.migration.requests import MigrateVirtualMachine, MigrateVolume, request_from_json
from app.vsphere.facts import DiskFormat
from tests.running.jobs import remove_jobs

pytestmark = pytest.mark.integration

RestAs = Callable[..., httpx.Client]


@pytest.fixture(autouse=True)
def _no_jobs_left(session: Session, landscape: SimpleNamespace) -> Iterator[None]:
    """Jobs on the things of the landscape would be in the way of other tests."""
    yield
    session.rollback()
    things = [landscape.loose.id, landscape.web.id, landscape.web_data.id, landscape.spare.id]
    jobs = list(session.scalars(select(Job.id).where(Job.resource_id.in_(things))))
    remove_jobs(session, jobs)


def move_of_volume(landscape: SimpleNamespace, **more: object) -> dict[str, Any]:
    move = {"kind": "volume", "volume_id": str(landscape.loose.id), "pool_id": str(landscape.new.id), **more}
    return {"move": move}


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    told = answer.json()
    return answer.status_code, told["type"].removeprefix("urn:vrelocate:problem:"), told["detail"]


def payload_of(session: Session, job_id: str) -> object:
    return request_from_json(session.get_one(Job, UUID(job_id)).payload)


def test_a_volume(rest: httpx.Client, landscape: SimpleNamespace, session: Session) -> None:
    body = {**move_of_volume(landscape, format="eager"), "timeout_seconds": 90, "priority": -7.0}
    answer = rest.post("/migrations", json=body)
    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/api/v1/jobs/{job['id']}")
    assert (job["command"], job["state"], job["timeout_seconds"], job["priority"]) == (
        "migrateVolume", "queued", 90, -7,
    )  # fmt: skip
    assert rest.get(f"/jobs/{job['id']}").json() == job
    assert payload_of(session, job["id"]) == MigrateVolume(
        volume_id=landscape.loose.id, pool_id=landscape.new.id, format=DiskFormat.EAGER
    )
    status, name, _ = problem(rest.post("/migrations", json=body))
    assert (status, name) == (409, "live-job-exists")
    assert rest.post("/migrations", json=body).json()["job_id"] == job["id"]


def test_a_virtual_machine(rest: httpx.Client, landscape: SimpleNamespace, session: Session) -> None:
    move = {"kind": "virtual-machine", "virtual_machine_id": str(landscape.web.id), "pool_id": str(landscape.new.id)}
    job = rest.post("/migrations", json={"move": {**move, "with_home": True}}).json()
    assert (job["command"], job["resource"]["type"]) == ("migrateVirtualMachine", "VirtualMachine")
    assert payload_of(session, job["id"]) == MigrateVirtualMachine(
        vm_id=landscape.web.id, pool_id=landscape.new.id, with_home=True
    )


def test_volumes_of_a_virtual_machine(rest: httpx.Client, landscape: SimpleNamespace, session: Session) -> None:
    volumes = {str(landscape.web_data.id): str(landscape.new.id)}
    move = {"kind": "volumes-of-virtual-machine", "virtual_machine_id": str(landscape.web.id), "volumes": volumes}
    job = rest.post("/migrations", json={"move": move}).json()
    assert job["command"] == "migrateVirtualMachineWithVolume"
    assert payload_of(session, job["id"]) == MigrateVirtualMachine(
        vm_id=landscape.web.id, volumes={landscape.web_data.id: landscape.new.id}
    )


def test_a_key_makes_it_one_job(rest: httpx.Client, rest_as: RestAs, landscape: SimpleNamespace) -> None:
    key = {"Idempotency-Key": f"night of {uuid4()}".replace(" ", "-")}
    body = move_of_volume(landscape)
    with ThreadPoolExecutor(4) as several:
        answers = list(several.map(lambda _: rest.post("/migrations", json=body, headers=key), range(8)))
    assert {it.status_code for it in answers} == {202}
    (job_id,) = {it.json()["id"] for it in answers}
    assert rest.post(f"/jobs/{job_id}/cancel").status_code == 202
    again = rest.post("/migrations", json=body, headers=key).json()
    assert (again["id"], again["state"]) == (job_id, "cancelled"), "over, and still the same job"
    elsewhere = move_of_volume(landscape, pool_id=str(landscape.far.id))
    status, name, detail = problem(rest.post("/migrations", json=elsewhere, headers=key))
    assert (status, name) == (422, "idempotency-key-reused")
    assert "choose a new one" in detail
    other = rest_as("operator").post("/migrations", json=body, headers=key).json()
    assert other["id"] != job_id, "each account has keys of its own"
    assert job_id != str(uuid5(UUID(int=0), key["Idempotency-Key"]))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"move": {"kind": "volume"}},
        {"move": {"kind": "host", "volume_id": str(uuid4()), "pool_id": str(uuid4())}},
        {"move": {"kind": "volume", "volume_id": "1", "pool_id": str(uuid4())}},
        {"move": {"kind": "volume", "volume_id": str(uuid4()), "pool_id": str(uuid4()), "with_home": "yes"}},
        {"move": {"kind": "volume", "volume_id": str(uuid4()), "pool_id": str(uuid4()), "hostid": "x"}},
        {"move": {"kind": "volumes-of-virtual-machine", "virtual_machine_id": str(uuid4()), "volumes": {}}},
        {"move": {"kind": "volume", "volume_id": str(uuid4()), "pool_id": str(uuid4())}, "priority": 101},
        {"move": {"kind": "volume", "volume_id": str(uuid4()), "pool_id": str(uuid4())}, "priority": "1"},
        {"move": {"kind": "volume", "volume_id": str(uuid4()), "pool_id": str(uuid4())}, "timeout_seconds": 0},
        {"move": {"kind": "volume", "volume_id": str(uuid4()), "pool_id": str(uuid4())}, "timeout_seconds": True},
    ],
)
def test_what_cannot_be_meant(rest: httpx.Client, wrong: dict[str, Any]) -> None:
    answer = rest.post("/migrations", json=wrong)
    assert problem(answer)[:2] == (422, "invalid-request")
    assert answer.json()["faults"][0]["where"].startswith("body.")


def test_what_is_not_there_and_what_does_not_fit(
    rest: httpx.Client, rest_as: RestAs, landscape: SimpleNamespace
) -> None:
    unknown = move_of_volume(landscape, volume_id=str(uuid4()))
    for path in ("/migrations", "/migrations/dry-run"):
        assert problem(rest.post(path, json=unknown))[:2] == (404, "not-found")
    assert problem(rest_as("read-only").post("/migrations", json=unknown))[:2] == (403, "not-allowed")
    assert problem(rest.post("/migrations", json=unknown, headers={"Idempotency-Key": "a b"}))[0] == 422
    assert problem(rest.post("/migrations", content=b"{", headers={"Content-Type": "application/json"}))[0] == 422


def test_a_body_has_a_bound(rest: httpx.Client) -> None:
    for path in ("/migrations", "/migrations/dry-run"):
        answer = rest.post(path, content=b" " * (MAX_BODY_BYTES + 1), headers={"Content-Type": "application/json"})
        assert problem(answer)[:2] == (413, "content-too-large")
