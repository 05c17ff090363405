"""A read-only key calls every command, about things that exist: it is answered or refused, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access.models import ApiKey, AuditEntry
from app.access.roles import Role, allows
from app.api.cloudstack.pods import Pod
from app.api.cloudstack.registry import SERVED
from app.inventory.models import DiskOffering, StoragePool, Volume
from app.jobs.models import Job, JobEvent
from app.limits import ChangedLimit

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside")]

OF_ITS_OWN = {"login", "logout"}


def everything(session: Session) -> list[Any]:
    """Return what a change would change, or leave in the audit trail."""
    columns = (
        (Job.id, Job.state, Job.updated_at), (JobEvent.id,), (AuditEntry.id,), (ApiKey.id, ApiKey.revoked_at),
        (DiskOffering.id, DiskOffering.name, DiskOffering.tags), (StoragePool.id, StoragePool.own_tags),
        (Volume.id, Volume.disk_offering_id), (ChangedLimit.name, ChangedLimit.value),
    )  # fmt: skip
    found = [session.execute(select(*these).order_by(these[0])).all() for these in columns]
    session.rollback()
    return found


def test_it_looks_at_everything_and_changes_nothing(
    call: Callable[..., httpx.Response], landscape: SimpleNamespace, session: Session
) -> None:
    things = [landscape.zone, landscape.east, landscape.esx1, landscape.web, landscape.gold, Pod(landscape.zone)]
    ids = {type(thing): str(thing.id) for thing in [*things, landscape.loose, landscape.new]}
    named = {"name": "slots.per.host", "value": "1", "tags": "x", "displaytext": "x"}
    before = everything(session)
    for name, command in SERVED.items():
        if name in OF_ITS_OWN:
            continue
        given = {it.name: ids[it.entity] for it in command.parameters if it.entity in ids}
        given |= {it.name: named[it.name] for it in command.parameters if it.name in named and it.required}
        for sent in ({}, given):
            answer = call(role="read-only", command=name, response="json", **sent)
            if allows(Role.READ_ONLY, name):
                assert answer.status_code in {200, 431}, (name, answer.text)
            else:
                assert (answer.status_code, "read-only" in answer.text) == (531, True), (name, answer.text)
    assert everything(session) == before
