"""`listEvents`: the audit trail, as CloudStack's clients read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cs import CloudStack, CloudStackApiException
from defusedxml.ElementTree import fromstring
from sqlalchemy.orm import Session

from app.access.audit import Action, acting, record
from app.access.keys import create_key
from app.access.models import AuditEntry
from app.access.roles import Role
from app.api.cloudstack.events import ShownEvent
from app.db import utc_now
from tests.running.jobs import remove_jobs

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside")]


@pytest.fixture
def migration(client: CloudStack, landscape: SimpleNamespace, session: Session) -> Iterator[str]:
    """A job that the admin has asked for."""
    job: str = client.migrateVolume(volumeid=str(landscape.loose.id), storageid=str(landscape.new.id))["jobid"]
    yield job
    remove_jobs(session, [job])


@pytest.fixture
def subject(session: Session) -> str:
    """Something to which two things were done from the machine, and one by nobody who is known any more."""
    resource = uuid4()
    with acting("host:root"):
        record(session, Action.TAG_POOL, ("StoragePool", resource), name="p1", tags=["fast", "safe"])
        session.flush()
        record(session, Action.SYNC_VCENTER, ("VCenter", resource))
        session.flush()
    with acting(f"user:{uuid4()}"):
        record(session, Action.MIGRATE, ("VirtualMachine", resource), job="j")
    session.commit()
    return str(resource)


def of(client: CloudStack, **narrowed: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.listEvents(fetch_list=True, **narrowed)
    return found


def test_a_migration_is_an_event_of_who_asked_for_it(
    client: CloudStack, landscape: SimpleNamespace, migration: str
) -> None:
    event = of(client, resourceid=str(landscape.loose.id), keyword=migration)[0]
    assert {name: event[name] for name in ("type", "level", "state", "username", "account", "domain")} == {
        "type": "VOLUME.MIGRATE", "level": "INFO", "state": "Completed", "username": "the admin",
        "account": "the admin", "domain": "ROOT",
    }  # fmt: skip
    assert event["description"] == f"migration.accept; job: {migration}, command: migrateVolume"
    assert (event["resourcetype"], event["resourceid"]) == ("Volume", str(landscape.loose.id))
    assert of(client, id=event["id"]) == [event]


def test_the_newest_is_first_and_pages_hold_them_all(client: CloudStack, subject: str) -> None:
    events = of(client, resourceid=subject)
    assert [it["type"] for it in events] == ["VM.MIGRATE", "VCENTER.SYNC", "POOL.TAG"]
    assert [it["username"][:5] for it in events] == ["user:", "host:", "host:"]
    assert events[2]["description"] == "pool.tag; name: p1, tags: fast, safe"
    assert events[1]["description"] == "vcenter.sync"
    first = client._request("listEvents", resourceid=subject, page=1, pagesize=2)
    second = client._request("listEvents", resourceid=subject, page=2, pagesize=2)
    assert (first["count"], second["count"]) == (3, 3)
    assert first["event"] + second["event"] == events
    assert client._request("listEvents", resourceid=subject, page=3, pagesize=2) == {"count": 3}
    assert client._request("listEvents", resourceid=subject, pagesize=-1)["count"] == 3


def test_what_it_can_be_narrowed_by(client: CloudStack, subject: str) -> None:
    def types(**narrowed: str) -> list[str]:
        return [it["type"] for it in of(client, resourceid=subject, **narrowed)]

    everything = ["VM.MIGRATE", "VCENTER.SYNC", "POOL.TAG"]
    soon, just_now = utc_now() + timedelta(minutes=1), utc_now() - timedelta(minutes=1)
    assert types(type="vm.migrate") == ["VM.MIGRATE"]
    assert types(type="POOL.TAG") == ["POOL.TAG"]
    assert types(type="VOLUME.MIGRATE") == types(type="WHATEVER") == []
    assert types(level="info") == everything
    assert types(level="ERROR") == []
    assert types(resourcetype="storagepool") == ["POOL.TAG"]
    assert types(keyword="SAFE") == ["POOL.TAG"]
    assert types(keyword="%") == []
    assert types(account="the admin") == []
    assert types(startdate=just_now.isoformat(), enddate=soon.isoformat()) == everything
    assert types(startdate=soon.isoformat()) == types(enddate=just_now.isoformat()) == []
    assert of(client, id=str(uuid4())) == []
    with pytest.raises(CloudStackApiException, match="Unable to find account by name nobody"):
        types(account="nobody")


def test_every_action_has_a_type_by_which_it_is_found(client: CloudStack, session: Session) -> None:
    resource = uuid4()
    for action in Action:
        record(session, action, ("VirtualMachine" if action is Action.MIGRATE else "Thing", resource))
    session.commit()
    events = of(client, resourceid=str(resource))
    assert len({it["type"] for it in events}) == len(Action)
    for event in events:
        assert event in of(client, resourceid=str(resource), type=event["type"]), event["type"]
    assert ShownEvent(AuditEntry(action=Action.MIGRATE, resource_type="Odd"), None).type == "MIGRATION.ACCEPT"


def test_who_is_limited_to_zones_reads_what_it_did_itself(api: SimpleNamespace, session: Session, subject: str) -> None:
    key, secret = create_key(session, f"limited {uuid4()}", Role.OPERATOR, [uuid4()])
    with acting(f"user:{key.id}"):
        record(session, Action.RETRY, ("Volume", UUID(subject)))
    session.commit()
    limited = CloudStack(endpoint=api.url, key=key.key, secret=secret)
    assert [it["type"] for it in of(limited)] == ["JOB.RETRY"]
    assert [it["type"] for it in of(limited, account=key.name)] == ["JOB.RETRY"]
    assert of(limited, account="the admin") == []


def test_as_xml(call: Callable[..., httpx.Response], subject: str) -> None:
    answer = fromstring(call(role="read-only", command="listEvents", resourceid=subject).content)
    assert answer.tag == "listeventsresponse"
    assert [it.findtext("type") for it in answer.findall("event")] == ["VM.MIGRATE", "VCENTER.SYNC", "POOL.TAG"]
