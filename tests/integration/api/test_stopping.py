"""Jobs that are cancelled and tried again by their clients, and the time that these grant vCenter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID, uuid4

import httpx
import pytest
from cs import CloudStack, CloudStackApiException
from defusedxml.ElementTree import fromstring
from sqlalchemy.orm import Session

from app.jobs.models import Job
from app.jobs.states import JobState
from tests.running.jobs import remove_jobs

pytestmark = pytest.mark.integration

Call = Callable[..., httpx.Response]


@pytest.fixture
def job_id(client: CloudStack, landscape: SimpleNamespace, session: Session) -> Iterator[str]:
    """A job that waits: no worker is there."""
    volume, pool = str(landscape.loose.id), str(landscape.new.id)
    job = client.migrateVolume(volumeid=volume, storageid=pool, timeout=90)["jobid"]
    yield job
    remove_jobs(session, [job])


def test_cs_cancels_a_job_and_tries_it_again(client: CloudStack, job_id: str) -> None:
    waiting = client.queryAsyncJobResult(jobid=job_id)
    assert (waiting["jobstatus"], waiting["timeout"], "deadline" in waiting) == (0, 90, True)
    shown = client.cancelAsyncJob(jobid=job_id)
    assert (shown["jobid"], shown["jobstatus"], shown["state"], shown["stopwish"]) == (job_id, 2, "cancelled", "cancel")
    assert shown["stopwishedby"].startswith("user:")
    assert shown["jobresult"]["errorcode"] == 530
    assert shown["jobresult"]["errortext"].startswith("cancelled on request (waiting for a worker)")
    assert client.cancelAsyncJob(jobid=job_id) == shown, "again, and nothing changes"
    again = client.retryAsyncJob(jobid=job_id)
    assert (again["jobstatus"], again["state"], again["timeout"]) == (0, "queued", 90)
    assert not {"stopwish", "jobresult"} & again.keys()
    history = [event["kind"] for event in client.queryAsyncJobResult(jobid=job_id, details="events")["events"]]
    assert history == ["accepted", "to be stopped", "finished", "tried again"]


def test_a_running_job_shows_that_it_is_to_stop(client: CloudStack, job_id: str, session: Session) -> None:
    session.get_one(Job, UUID(job_id)).state = JobState.RUNNING
    session.commit()
    shown = client.cancelAsyncJob(jobid=job_id)
    assert (shown["jobstatus"], shown["state"], shown["stopwish"]) == (0, "running", "cancel")


@pytest.mark.parametrize(
    ("command", "state", "text"),
    [
        ("cancelAsyncJob", JobState.SUCCEEDED, "has succeeded already: there is nothing to stop"),
        ("cancelAsyncJob", JobState.FAILED, "has failed already: there is nothing to stop"),
        ("retryAsyncJob", JobState.SUCCEEDED, "has succeeded: there is nothing to try again"),
    ],
)
def test_what_is_over_stays_over(
    client: CloudStack, job_id: str, session: Session, *, command: str, state: JobState, text: str
) -> None:
    job = session.get_one(Job, UUID(job_id))
    job.state, job.finished_at = state, datetime.now(UTC)
    job.result, job.error_code, job.error_text = {}, 530, "it failed"
    session.commit()
    with pytest.raises(CloudStackApiException) as refused:
        getattr(client, command)(jobid=job_id)
    assert (refused.value.error["errorcode"], text in refused.value.error["errortext"]) == (431, True)


@pytest.mark.parametrize("command", ["cancelAsyncJob", "retryAsyncJob"])
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "due to missing parameter jobid"),
        ({"jobid": str(uuid4())}, "Invalid parameter jobid"),
        ({"jobid": "17"}, "Invalid parameter jobid"),
    ],
)
def test_a_job_has_to_be_named(call: Call, command: str, given: dict[str, str], text: str) -> None:
    response = call(command=command, response="json", **given)
    assert response.status_code == 431
    assert text in response.json()[f"{command.lower()}response"]["errortext"]


def test_xml(call: Call, job_id: str) -> None:
    root = fromstring(call(command="cancelAsyncJob", jobid=job_id).text)
    assert (root.tag, root.findtext("state"), root.findtext("jobstatus")) == (
        "cancelasyncjobresponse", "cancelled", "2",
    )  # fmt: skip


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "99999999999"])
def test_a_time_that_cannot_be_meant(call: Call, landscape: SimpleNamespace, seconds: str) -> None:
    given = {"volumeid": str(landscape.loose.id), "storageid": str(landscape.new.id), "timeout": seconds}
    response = call(command="migrateVolume", response="json", **given)
    assert response.status_code == 431
    assert "timeout" in response.json()["migratevolumeresponse"]["errortext"]


def test_without_one_the_setting_holds(client: CloudStack, landscape: SimpleNamespace, session: Session) -> None:
    volume, pool = str(landscape.loose.id), str(landscape.new.id)
    job = client.migrateVolume(volumeid=volume, storageid=pool)["jobid"]
    assert "timeout" not in client.queryAsyncJobResult(jobid=job)
    session.delete(session.get_one(Job, UUID(job)))
    session.commit()
