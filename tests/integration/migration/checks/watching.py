"""What a dry run must leave as it was, and what a job is asked beside its outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import text

from app.db import Base, transaction
from tests.integration.jobs import rows
from tests.running.ledger import Ledger, Page
from tests.running.vcenter import RunningVCenter

READS = {
    "RetrievePropertiesEx",
    "ContinueRetrievePropertiesEx",
    "RetrieveServiceContent",
    "FindByUuid",
    "SearchDatastore_Task",
    "RetrieveVStorageObject",
    "PbmRetrieveServiceContent",
    "PbmQueryAssociatedProfiles",
    "PbmRetrieveContent",
    "PbmCheckCompatibility",
}
"""Methods that change nothing; the search of a folder is a task that only reads."""
SESSION = {
    *{"Login", "Logout", "SessionIsActive"},
    *{"CreateListView", "CreateContainerView", "ModifyListView", "DestroyView"},
    *{
        "CreatePropertyCollector",
        "DestroyPropertyCollector",
        "CreateFilter",
        "DestroyPropertyFilter",
        "WaitForUpdatesEx",
    },
}
"""Methods that concern the session alone: what it looks at and waits for ends with it."""


def _everything() -> dict[str, list[str]]:
    """Every row of every table, in an order of its own."""
    with transaction() as session:
        return {
            table: sorted(session.scalars(text(f"SELECT it::text FROM {table} it")).all())
            for table in Base.metadata.tables
        }


def _work(page: Page) -> object:
    """What has been done: tasks other than searches, and bytes copied."""
    return (
        {method: counts for method, counts in page.operations.items() if method not in READS},
        {name: (counts.read_bytes, counts.written_bytes) for name, counts in page.datastores.items()},
    )


@contextmanager
def nothing_changes(vcenter: RunningVCenter) -> Iterator[None]:
    """Assert that the block writes no row, and asks vCenter with reads alone."""
    rows_before, before = _everything(), Ledger(vcenter).page()
    yield
    after = Ledger(vcenter).page()
    asked = {method for method, count in after.calls.items() if count != before.calls.get(method, 0)}
    assert asked <= READS | SESSION, asked - READS - SESSION
    assert _work(after) == _work(before)
    assert _everything() == rows_before


def warned_of(job_id: UUID) -> set[str]:
    """The rules that a job has written down warnings of."""
    return {
        warning["rule"]
        for event in rows.history(job_id)
        if event.kind == "warned"
        for warning in event.detail["warnings"]
    }
