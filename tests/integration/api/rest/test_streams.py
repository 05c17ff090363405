"""Live events: what a client sees that follows along, is cut off again and again, and comes back with the last id."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import Engine, func, update
from sqlalchemy.orm import Session

from app.jobs.models import Job, JobEvent

pytestmark = pytest.mark.integration

RestAs = Callable[..., httpx.Client]
Event = tuple[str, str | None, dict[str, Any]]
MOST_STREAMS = 100


def events_of(lines: Iterator[str]) -> Iterator[Event]:
    """Read a stream as its standard says: fields up to an empty line; comments and the retry time are no events."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
            continue
        if "data" in fields:
            yield fields["event"], fields.get("id"), json.loads(fields["data"])
        fields = {}


class Follower:
    """A client that comes back whenever a stream ends, as browsers do."""

    def __init__(self, rest: httpx.Client, path: str, last: str | None = None) -> None:
        self.rest, self.path, self.last, self.streams = rest, path, last, 0

    def __iter__(self) -> Iterator[Event]:
        """Give events until the server says that there will be no more."""
        while self.streams < MOST_STREAMS:
            self.streams += 1
            headers = {"Last-Event-ID": self.last} if self.last else {}
            with self.rest.stream("GET", self.path, headers=headers) as answer:
                if answer.status_code == 204:
                    return
                assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
                for name, place, content in events_of(answer.iter_lines()):
                    self.last = place or self.last
                    yield name, place, content
        pytest.fail(f"{MOST_STREAMS} streams, and it is not over")


def write(session: Session, job_id: str, kind: str) -> None:
    session.add(JobEvent(job_id=UUID(job_id), actor="w", kind=kind))
    session.flush()


def test_a_job_is_followed_to_its_end(rest: httpx.Client, job_id: str, session: Session) -> None:
    follower = Follower(rest, f"/jobs/{job_id}/stream")
    kinds: list[str] = []
    percents: list[int] = []
    for name, place, content in follower:
        assert content["job_id"] == job_id
        if name == "progress":
            assert place is None
            percents.append(content["percent"])
            if content["percent"] == 40:
                rest.post(f"/jobs/{job_id}/cancel")
            continue
        kinds.append(content["kind"])
        if content["kind"] == "accepted":
            assert content["account"] == "the admin"
            session.execute(update(Job).where(Job.id == UUID(job_id)).values(progress=40, updated_at=func.now()))
            session.commit()
    assert kinds == ["accepted", "to be stopped", "finished"]
    assert percents[-1] == 40
    assert follower.streams >= 2, "it was told that it is over when it came back"


def test_all_jobs_are_followed_and_nothing_is_missed_or_told_twice(
    rest: httpx.Client, job_id: str, session: Session, database: Engine
) -> None:
    follower = Follower(rest, "/events", last="0")
    kinds: list[str] = []
    with Session(database) as slow:
        write(slow, job_id, "numbered first, committed last")
        for name, _, content in follower:
            if name != "history" or content["job_id"] != job_id:
                continue
            kinds.append(content["kind"])
            if content["kind"] == "accepted":
                write(session, job_id, "second")
                session.commit()
            elif content["kind"] == "second":
                slow.commit()
            elif content["kind"] == "numbered first, committed last":
                write(session, job_id, "last")
                session.commit()
            else:
                break
    assert kinds == ["accepted", "second", "numbered first, committed last", "last"]


def test_without_an_id_it_begins_now(rest: httpx.Client, job_id: str, session: Session) -> None:
    write(session, job_id, "before")
    session.commit()
    with rest.stream("GET", "/events") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry: ")
        write(session, job_id, "after")
        session.commit()
        told = [content["kind"] for name, _, content in events_of(lines) if name == "history"]
        assert "before" not in told


def test_what_cannot_be_followed(rest: httpx.Client, rest_as: RestAs) -> None:
    assert rest.get(f"/jobs/{uuid4()}/stream").json()["type"] == "urn:vrelocate:problem:not-found"
    assert rest.get("/events", headers={"Last-Event-ID": "x"}).status_code == 422
    assert rest_as().get("/events").status_code == 401


def test_streams_end_when_the_api_is_stopped(
    start_api: Callable[..., SimpleNamespace], environment: dict[str, str], tokens: dict[str, str], job_id: str
) -> None:
    """They would last ten minutes, and an API that is replaced must be gone in seconds."""
    api = start_api({**environment, "VRELOCATE_STREAM_SECONDS": "600"})
    headers = {"Authorization": f"Bearer {tokens['read-only']}"}
    with httpx.stream(
        "GET", f"{api.root}/api/v1/jobs/{job_id}/stream", headers=headers, timeout=30, trust_env=False
    ) as answer:
        lines = answer.iter_lines()
        assert next(events_of(lines))[0] == "history"
        api.process.send_signal(signal.SIGTERM)
        for _ in lines:
            pass
    assert api.process.wait(timeout=30) == 0
    assert not [line for line in api.log if "Cancel" in line or '"error"' in line]
