"""Jobs as clients see them: accepted, polled to each end, listed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from cs import CloudStack, CloudStackApiException
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access.models import ApiKey
from app.jobs.models import Attempt, Job, JobEvent, OutsideTask
from app.jobs.states import JobState, TaskState

pytestmark = pytest.mark.integration

UNKNOWN = "6a1f0c7e-2b7d-4f43-9d0a-5b8c1e2f3a4d"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
AddJob = Callable[..., Job]


@pytest.fixture
def add_job(session: Session, landscape: SimpleNamespace) -> AddJob:
    """Put a job of some state into the database, as the workers would leave it there."""

    def add(state: JobState, **values: object) -> Job:
        facts: dict[str, Any] = {
            "command": "migrateVolume",
            "subject": f"volume:{uuid4()}",
            "resource_type": "Volume",
            "resource_id": landscape.loose.id,
            "system_id": landscape.vcenter.id,
            "account_id": uuid4(),
            "user_id": uuid4(),
            "payload": {},
            "max_attempts": 5,
            "created_at": NOON,
        }
        if state in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}:
            facts["finished_at"] = NOON + timedelta(minutes=3)
        job = Job(state=state, **{**facts, **values})
        session.add(job)
        session.commit()
        return job

    return add


def succeeded(kind: str, entity_id: UUID) -> dict[str, Any]:
    disk = {
        "volume_id": str(entity_id),
        "name": "loose",
        "from": "old",
        "to": "new",
        "bytes": 4,
        "seconds": 1.5,
        "verified": True,
    }
    return {"kind": kind, "id": str(entity_id), "disks": [disk]}


def test_a_volumes_migration_is_accepted_and_waits(
    client: CloudStack, landscape: SimpleNamespace, session: Session
) -> None:
    chosen = str(uuid4())
    asked = {"volumeid": str(landscape.loose.id), "storageid": str(landscape.new.id), "customjobid": chosen}
    assert client.migrateVolume(**asked) == {"jobid": chosen}
    assert client.migrateVolume(**asked) == {"jobid": chosen}, "sent twice, it is one job"
    job = client.queryAsyncJobResult(jobid=chosen)
    assert (job["jobid"], job["jobstatus"], job["state"], job["cmd"]) == (chosen, 0, "queued", "migrateVolume")
    assert (job["jobinstancetype"], job["jobinstanceid"]) == ("Volume", str(landscape.loose.id))
    assert (job["account"], job["jobresultcode"], job["progress"], job["maxattempts"]) == ("the admin", 0, 0, 5)
    assert "jobresult" not in job
    with pytest.raises(CloudStackApiException) as refused:
        client.migrateVolume(volumeid=asked["volumeid"], storageid=str(landscape.far.id))
    assert refused.value.error["errorcode"] == 536
    assert chosen in refused.value.error["errortext"]
    session.delete(session.get_one(Job, UUID(chosen)))
    session.commit()


def test_a_vms_migration_is_accepted(client: CloudStack, landscape: SimpleNamespace, session: Session) -> None:
    answer = client.migrateVirtualMachine(virtualmachineid=str(landscape.web.id), storageid=str(landscape.new.id))
    newest = client.queryAsyncJobResult(resourcetype="virtualmachine", resourceid=str(landscape.web.id))
    assert newest["jobid"] == answer["jobid"]
    assert newest["jobinstancetype"] == "VirtualMachine"
    job = session.get_one(Job, UUID(answer["jobid"]))
    key = session.scalars(select(ApiKey).where(ApiKey.name == "the admin")).one()
    assert (job.user_id, job.account_id) == (key.id, key.account_id)
    session.delete(job)
    session.commit()


@pytest.mark.parametrize(
    ("targets", "text"),
    [
        ({"hostid": "esx1", "storageid": "new"}, "Only one of hostId and storageId can be specified"),
        ({"hostid": "esx1"}, "moving to another host is not what vrelocate does: name a storageid"),
        ({}, "moving to another host is not what vrelocate does: name a storageid"),
    ],
)
def test_a_vm_goes_to_a_pool_and_nowhere_else(
    client: CloudStack, landscape: SimpleNamespace, targets: dict[str, str], text: str
) -> None:
    given = {name: str(getattr(landscape, value).id) for name, value in targets.items()}
    with pytest.raises(CloudStackApiException) as refused:
        client.migrateVirtualMachine(virtualmachineid=str(landscape.web.id), **given)
    assert (refused.value.error["errorcode"], refused.value.error["errortext"]) == (431, text)


def test_a_success_gives_the_volume_and_its_disks(
    client: CloudStack, landscape: SimpleNamespace, add_job: AddJob
) -> None:
    job = add_job(JobState.SUCCEEDED, result=succeeded("volume", landscape.loose.id), progress=100)
    answer = client.queryAsyncJobResult(jobid=str(job.id))
    assert (answer["jobstatus"], answer["jobresultcode"], answer["jobresulttype"]) == (1, 0, "object")
    assert (answer["created"], answer["completed"]) == ("2026-05-04T12:00:00+0000", "2026-05-04T12:03:00+0000")
    assert list(answer["jobresult"]) == ["volume"]
    volume = answer["jobresult"]["volume"]
    assert (volume["id"], volume["name"], volume["storage"]) == (str(landscape.loose.id), "loose", "old")
    assert volume["migrateddisks"] == succeeded("volume", landscape.loose.id)["disks"]
    assert client._jobresult(str(job.id)) == answer["jobresult"], "what cs gives to those who wait for a result"


def test_a_success_gives_the_vm(client: CloudStack, landscape: SimpleNamespace, add_job: AddJob) -> None:
    job = add_job(JobState.SUCCEEDED, result=succeeded("virtualmachine", landscape.web.id))
    vm = client._jobresult(str(job.id))["virtualmachine"]
    assert (vm["name"], len(vm["migrateddisks"])) == ("web-1", 1)


def test_a_success_outlives_its_inventory(client: CloudStack, landscape: SimpleNamespace, add_job: AddJob) -> None:
    assert landscape
    unknown = uuid4()
    job = add_job(JobState.SUCCEEDED, result={"kind": "volume", "id": str(unknown), "disks": []})
    assert client._jobresult(str(job.id)) == {"volume": {"id": str(unknown), "migrateddisks": []}}


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_a_failure_and_a_cancelled_job_end_the_clients_wait(
    client: CloudStack, add_job: AddJob, state: JobState
) -> None:
    job = add_job(state, error_code=533, error_text="no space on new: 10 GiB are missing")
    answer = client.queryAsyncJobResult(jobid=str(job.id))
    assert (answer["jobstatus"], answer["state"], answer["jobresultcode"]) == (2, state.value, 533)
    assert answer["jobresult"] == {"errorcode": 533, "errortext": "no space on new: 10 GiB are missing"}
    with pytest.raises(CloudStackApiException) as failed:
        client._jobresult(str(job.id))
    assert failed.value.error["errortext"] == "no space on new: 10 GiB are missing"


def test_a_waiting_job_says_what_for(client: CloudStack, add_job: AddJob) -> None:
    job = add_job(JobState.QUEUED, waiting_for="host:esx1", phase="waiting for a slot", attempt=1, next_run_at=NOON)
    answer = client.queryAsyncJobResult(jobid=str(job.id))
    assert (answer["waitingfor"], answer["phase"], answer["attempt"]) == ("host:esx1", "waiting for a slot", 1)
    assert answer["nextrunat"] == "2026-05-04T12:00:00+0000"


def test_attempts_and_events_when_asked_for(client: CloudStack, add_job: AddJob, session: Session) -> None:
    job = add_job(JobState.FAILED, error_code=530, error_text="gave up", attempt=1)
    session.add(
        Attempt(
            job_id=job.id,
            number=1,
            worker="w1",
            started_at=NOON,
            ended_at=NOON,
            outcome="failed",
            fault="FileLocked",
            bytes=5 << 40,
        )
    )
    session.flush()
    session.add_all(
        OutsideTask(
            job_id=job.id,
            attempt=1,
            sequence=sequence,
            system_id=job.system_id,
            command={"command": {"kind": kind}, "position": sequence},
            state=TaskState.SUCCESS,
            reference=reference,
            settled_at=NOON,
        )
        for sequence, (kind, reference) in enumerate([("one", "task-7"), ("two", None), ("three", "task-9")])
    )
    session.add(JobEvent(job_id=job.id, actor="w1", kind="finished", to_state="failed", detail={"not an element": [1]}))
    session.commit()
    plain = client.queryAsyncJobResult(jobid=str(job.id))
    assert not {"attempts", "events"} & set(plain)
    answer = client.queryAsyncJobResult(jobid=str(job.id), details="attempts,events")
    (attempt,), (event,) = answer["attempts"], answer["events"]
    assert (attempt["number"], attempt["worker"], attempt["fault"]) == (1, "w1", "FileLocked")
    assert (attempt["bytes"], attempt["tasks"]) == (5 << 40, ["task-7", "task-9"])
    assert (event["kind"], event["tostate"], event["detail"]) == ("finished", "failed", {"not an element": [1]})
    xml = client.queryAsyncJobResult(jobid=str(job.id), details="events", json=False)
    assert "<detail><not_an_element>1</not_an_element></detail>" in xml
    with pytest.raises(CloudStackApiException):
        client.queryAsyncJobResult(jobid=str(job.id), details="all")


def test_events_are_listed_in_order_and_page_by_page(
    client: CloudStack, client_as: Callable[[str], CloudStack], add_job: AddJob, session: Session
) -> None:
    job = add_job(JobState.QUEUED)
    key = session.scalars(select(ApiKey).where(ApiKey.name == "the admin")).one()
    moves = [(f"user:{key.id}", None, "queued"), ("w1", "queued", "submitting"), ("user:somebody", None, None)]
    session.add_all(
        JobEvent(job_id=job.id, actor=actor, kind=f"{at}", from_state=before, to_state=after, at=NOON)
        for at, (actor, before, after) in enumerate(moves)
    )
    session.commit()
    answer = client_as("read-only").listAsyncJobEvents(jobid=str(job.id))
    assert answer["count"] == len(moves)
    first, second, third = answer["asyncjobevents"]
    assert first == {
        "at": "2026-05-04T12:00:00+0000",
        "actor": f"user:{key.id}",
        "account": "the admin",
        "kind": "0",
        "tostate": "queued",
        "detail": {},
    }
    assert (second["actor"], second["fromstate"], second["tostate"]) == ("w1", "queued", "submitting")
    assert "account" not in second
    assert "account" not in third, "a user whose key nobody knows"
    page = client.listAsyncJobEvents(jobid=str(job.id), page=2, pagesize=2)
    assert page == {"count": 3, "asyncjobevents": [third]}
    with pytest.raises(CloudStackApiException) as refused:
        client.listAsyncJobEvents(jobid=UNKNOWN)
    assert refused.value.error["errorcode"] == 431


def test_jobs_are_listed_newest_first_finished_ones_too(
    client: CloudStack, landscape: SimpleNamespace, add_job: AddJob, session: Session
) -> None:
    name = f"lister {uuid4()}"
    key = ApiKey(name=name, key=str(uuid4()), secret_sealed=b"", role="operator", account_id=uuid4())
    session.add(key)
    mine = {"account_id": key.account_id}
    first = add_job(JobState.FAILED, created_at=NOON - timedelta(days=40), error_code=431, error_text="no", **mine)
    second = add_job(JobState.SUCCEEDED, result=succeeded("virtualmachine", landscape.web.id), **mine)
    third = add_job(JobState.QUEUED, created_at=NOON + timedelta(days=1), **mine)

    def listed(**filters: object) -> list[str]:
        answer = client.listAsyncJobs(account=name, **filters)
        return [job["jobid"] for job in answer.get("asyncjobs", [])]

    assert listed() == [str(third.id), str(second.id), str(first.id)]
    assert listed(startdate="2026-05-04") == [str(third.id), str(second.id)]
    assert listed(startdate="2026-05-04T12:00:01+0000") == [str(third.id)]
    assert listed(startdate="0001-01-01T00:00:00+2300") == listed()
    assert listed(startdate="2026-05-04", enddate="2026-05-04T12:00:00+0000") == [str(second.id)]
    assert listed(state="failed,Succeeded") == [str(second.id), str(first.id)]
    assert listed(jobstatus=0) == [str(third.id)]
    assert listed(jobstatus=2) == [str(first.id)]
    assert listed(jobstatus=2, state="succeeded") == []
    assert listed(jobstatus=2, state="succeeded,failed") == [str(first.id)]
    assert listed(keyword="VOLUME") == listed()
    assert listed(keyword="%") == []
    assert listed(resourcetype="volume") == listed()
    assert listed(resourcetype="VirtualMachine") == []
    assert listed(resourcetype="Volume", resourceid=str(landscape.loose.id)) == listed()
    assert listed(resourcetype="Volume", resourceid=UNKNOWN) == []
    assert listed(page=2, pagesize=1) == [str(second.id)]
    assert listed(pagesize=-1) == listed()
    assert client.listAsyncJobs(account=name, page=1, pagesize=1)["count"] == 3
    (job,) = client.listAsyncJobs(account=name, state="succeeded")["asyncjobs"]
    assert (job["account"], job["jobstatus"], list(job["jobresult"])) == (name, 1, ["virtualmachine"])


@pytest.mark.parametrize(
    "filters",
    [
        {"account": "nobody"},
        {"state": "done"},
        {"jobstatus": "3"},
        {"startdate": "soon"},
        {"resourcetype": "Template"},
        {"resourceid": UNKNOWN},
    ],
)
def test_a_filter_that_cannot_be_meant(client: CloudStack, filters: dict[str, str]) -> None:
    with pytest.raises(CloudStackApiException) as refused:
        client.listAsyncJobs(**filters)
    assert refused.value.error["errorcode"] == 431


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"jobid": UNKNOWN},
        {"resourcetype": "Volume"},
        {"resourcetype": "Template", "resourceid": UNKNOWN},
        {"resourcetype": "Volume", "resourceid": UNKNOWN},
    ],
)
def test_a_job_that_is_none(client: CloudStack, asked: dict[str, str]) -> None:
    with pytest.raises(CloudStackApiException) as refused:
        client.queryAsyncJobResult(**asked)
    assert refused.value.error["errorcode"] == 431
