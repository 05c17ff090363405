"""`listConfigurations`, `updateConfiguration`, `resetConfiguration`: timeouts and limits, changed while jobs run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from cs import CloudStack, CloudStackApiException
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.jobs.models import Job
from app.limits import ChangedLimit, Limits, change_limit, default_limits, limits
from app.migration.admission import limit_of
from app.settings import Settings, settings
from tests.running.jobs import remove_jobs

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside", "_as_it_was")]


@pytest.fixture
def _as_it_was(session: Session) -> Iterator[None]:
    """Leave no changed limit to other tests."""
    yield
    session.rollback()
    session.execute(delete(ChangedLimit))
    session.commit()


def shown(client: CloudStack) -> dict[str, dict[str, Any]]:
    return {it["name"]: it for it in client.listConfigurations()["configuration"]}


def test_they_are_those_of_the_settings_with_the_same_bounds() -> None:
    for name, field in Limits.model_fields.items():
        theirs = Settings.model_fields[name]
        assert (field.annotation, field.metadata) == (theirs.annotation, theirs.metadata), name
        assert getattr(default_limits(), name) == getattr(settings(), name)


def test_until_one_is_changed_they_are_the_defaults(client_as: Callable[[str], CloudStack]) -> None:
    found = shown(client_as("read-only"))
    assert len(found) == len(Limits.model_fields)
    assert found["job.timeout.seconds"] == {
        "category": "Advanced", "name": "job.timeout.seconds", "value": "172800", "defaultvalue": "172800",
        "description": found["job.timeout.seconds"]["description"], "scope": "Global", "isdynamic": True,
    }  # fmt: skip
    assert found["retry.base.seconds"]["value"] == "5"
    assert all(it["value"] == it["defaultvalue"] for it in found.values())


def test_it_is_changed_and_brought_back(client: CloudStack, session: Session) -> None:
    changed = client.updateConfiguration(name="slots.per.host", value="3")
    assert (changed["configuration"]["value"], changed["configuration"]["defaultvalue"]) == ("3", "8")
    assert shown(client)["slots.per.host"]["value"] == "3"
    assert limit_of("host:1", limits(session)) == 3
    session.rollback()
    client.updateConfiguration(name="slots.per.host", value=" 4 ")
    assert limits(session).slots_per_host == 4
    session.rollback()
    assert client.resetConfiguration(name="slots.per.host")["configuration"]["value"] == "8"
    assert limits(session) == default_limits()
    session.rollback()
    types = [it["type"] for it in client.listEvents(keyword="slots.per.host")["event"][:3]]
    assert types == ["CONFIGURATION.VALUE.EDIT"] * 3


def test_a_new_job_goes_by_what_was_changed(client: CloudStack, landscape: SimpleNamespace, session: Session) -> None:
    client.updateConfiguration(name="job.wait.seconds", value="60")
    client.updateConfiguration(name="retry.max.attempts", value="7")
    job_id = UUID(client.migrateVolume(volumeid=str(landscape.loose.id), storageid=str(landscape.new.id))["jobid"])
    try:
        job = session.get_one(Job, job_id)
        assert job.max_attempts == 7
        assert job.deadline_at == job.created_at + timedelta(seconds=60)
    finally:
        remove_jobs(session, [job_id])


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("slots.per.host", "0", "greater than or equal to 1"),
        ("slots.per.host", "many", "valid integer"),
        ("slots.per.host", "", "valid integer"),
        ("slots.per.host", "1.5", "valid integer"),
        ("retry.base.seconds", "-1", "greater than 0"),
        ("retry.base.seconds", "inf", "less than or equal"),
        ("retry.base.seconds", "nan", "retry.base.seconds cannot be .*nan"),
        ("job.timeout.seconds", "9" * 30, "less than or equal"),
        ("job.retention.days", "40000", "less than or equal"),
        ("job.retention.days", "for ever", "forever"),
        ("database.url", "x", "Config parameter with name database.url doesn't exist"),
        ("slots_per_host", "3", "doesn't exist"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    client: CloudStack, session: Session, name: str, value: str, reason: str
) -> None:
    with pytest.raises(CloudStackApiException, match=reason):
        client._request("updateConfiguration", name=name, value=value)
    assert limits(session) == default_limits()
    session.rollback()


def test_for_ever_is_a_time_too(client: CloudStack, session: Session) -> None:
    assert client.updateConfiguration(name="job.retention.days", value="forever")["configuration"]["value"] == "forever"
    assert limits(session).job_retention_days == "forever"
    session.rollback()


def test_what_they_can_be_narrowed_by(client: CloudStack) -> None:
    assert client.listConfigurations(name="slots.per.host")["count"] == 1
    assert client.listConfigurations(keyword="SLOTS")["count"] == 4
    assert client.listConfigurations(category="advanced")["count"] == len(Limits.model_fields)
    assert client.listConfigurations(category="Network") == {}
    page = client._request("listConfigurations", page=2, pagesize=8)
    assert (page["count"], len(page["configuration"])) == (10, 2)


def test_only_admins_change_them(client_as: Callable[[str], CloudStack], session: Session) -> None:
    for role in ("operator", "read-only"):
        with pytest.raises(CloudStackApiException, match="it may not updateConfiguration"):
            client_as(role).updateConfiguration(name="slots.per.host", value="1")
        with pytest.raises(CloudStackApiException, match="it may not resetConfiguration"):
            client_as(role).resetConfiguration(name="slots.per.host")
    assert change_limit(session, "slots_per_host", None) == default_limits()
    session.rollback()
