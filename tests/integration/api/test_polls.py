"""Polls that are answered together are answered as each would be by itself, at the price of one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from cs import CloudStack
from sqlalchemy import event
from sqlalchemy.orm import Session

import app.db
from app.access.keys import create_key, revoke_key
from app.access.roles import Role
from app.access.signature import sign
from app.api.cloudstack import jobs
from app.api.cloudstack.dispatch import answer, answer_polls
from app.api.cloudstack.requests import Request
from app.errors import DatabaseUnavailable
from app.jobs.models import Job
from tests.running.jobs import remove_jobs

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside")]

Poll = Callable[..., Request]


@pytest.fixture
def job_ids(client: CloudStack, landscape: SimpleNamespace, session: Session) -> Iterator[list[str]]:
    """Two jobs that wait: no worker is there."""
    to = {"storageid": str(landscape.new.id)}
    found = [
        client.migrateVolume(volumeid=str(landscape.loose.id), **to)["jobid"],
        client.migrateVirtualMachine(virtualmachineid=str(landscape.web.id), **to)["jobid"],
    ]
    yield found
    remove_jobs(session, found)


@pytest.fixture
def poll(keys: dict[str, tuple[str, str]]) -> Poll:
    def make(who: tuple[str, str] | None = None, **parameters: str) -> Request:
        key, secret = who or keys["admin"]
        asked = {"command": "queryAsyncJobResult", "response": "json", "apikey": key, **parameters}
        return Request({**asked, "signature": sign(asked, secret)})

    return make


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that the database is asked for."""
    asked: list[str] = []

    def note(*told: Any) -> None:  # noqa: ANN401  # SQLAlchemy's signature
        asked.append(told[2])

    event.listen(app.db.engine(), "before_cursor_execute", note)
    yield asked
    event.remove(app.db.engine(), "before_cursor_execute", note)


def text(body: bytes) -> dict[str, Any]:
    (content,) = json.loads(body).values()
    return dict(content)


def test_each_gets_the_answer_that_it_would_get_alone(
    poll: Poll, job_ids: list[str], keys: dict[str, tuple[str, str]], landscape: SimpleNamespace, session: Session
) -> None:
    here, elsewhere = (
        (made.key, secret)
        for made, secret in (
            create_key(session, f"here {uuid4()}", Role.OPERATOR, [landscape.zone.id]),
            create_key(session, f"elsewhere {uuid4()}", Role.OPERATOR, [uuid4()]),
        )
    )
    revoked, secret = create_key(session, f"revoked {uuid4()}")
    revoke_key(session, revoked.name)
    session.commit()
    polls = [
        poll(jobid=job_ids[0]),
        poll(keys["read-only"], jobid=job_ids[1], details="events,attempts"),
        poll(elsewhere, jobid=job_ids[0]),
        poll(here, jobid=job_ids[0]),
        poll(jobid=str(uuid4())),
        poll(jobid="no id"),
        poll((keys["admin"][0], "wrong"), jobid=job_ids[0]),
        poll((revoked.key, secret), jobid=job_ids[0]),
        poll(("unknown", "unknown"), jobid=job_ids[0]),
        poll(resourcetype="Volume", resourceid=str(landscape.loose.id)),
        poll(jobid=job_ids[1], response="xml"),
        poll(jobid=job_ids[0]),
        Request({"command": "queryAsyncJobResult", "jobid": job_ids[0]}),
        poll(),
    ]
    alone = [answer(it) for it in polls]
    assert [it.status for it in alone] == [200, 200, 431, 200, 431, 431, 401, 401, 401, 200, 200, 200, 401, 431]
    assert answer_polls(polls) == alone
    assert answer_polls(polls[::-1]) == alone[::-1]
    assert [answer_polls([it])[0] for it in polls] == alone


def test_many_cost_as_many_statements_as_one(poll: Poll, job_ids: list[str], statements: list[str]) -> None:
    answer_polls([poll(jobid=job_ids[0])])
    alone = list(statements)
    statements.clear()
    answer_polls([poll(jobid=job_ids[number % 2]) for number in range(20)])
    assert len(statements) == len(alone) == 2


def test_what_has_changed_is_told_at_once(poll: Poll, job_ids: list[str], client: CloudStack) -> None:
    before, _ = answer_polls([poll(jobid=job) for job in job_ids])
    client.cancelAsyncJob(jobid=job_ids[0])
    after, _ = answer_polls([poll(jobid=job) for job in job_ids])
    assert [text(it.body)["jobstatus"] for it in (before, after)] == [0, 2]


def test_a_defect_spoils_one_answer(poll: Poll, job_ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shown = jobs.show

    def broken(session: Session, asked: list[Job], caller: object) -> object:
        if asked[0].id == UUID(job_ids[0]):
            raise ZeroDivisionError
        return shown(session, asked, caller)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "show", broken)
    replies = answer_polls([poll(jobid=job_ids[1]), poll(jobid=job_ids[0]), poll(jobid=job_ids[1]), poll(jobid="?")])
    assert [it.status for it in replies] == [200, 530, 200, 431]


def test_without_the_database_all_are_told_so(poll: Poll, job_ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr("app.api.cloudstack.dispatch.get_jobs", away)
    replies = answer_polls([poll(jobid=job_ids[0]), poll(jobid="?"), poll(jobid=job_ids[1])])
    assert [it.status for it in replies] == [503, 431, 503]
    assert [it.headers.get("Retry-After") for it in replies] == ["5", None, "5"]
