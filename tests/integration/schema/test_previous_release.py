"""The release before works on the new schema: a revision only adds, and nothing that an INSERT would have to name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.script import ScriptDirectory

from migrations.schema import alembic_config
from tests.integration.schema.catalog import catalog
from tests.running.databases import Databases

pytestmark = pytest.mark.integration

BEFORE_ANY_RELEASE = "0008"
"""Up to here nothing was ever upgraded while workers ran."""


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    with databases.fresh() as url:
        yield url


def columns(of: set[str]) -> dict[str, str]:
    """Return what is said of each column, by `table.column`."""
    told = (entry.removeprefix("column ") for entry in of if entry.startswith("column "))
    return {entry.split(" ", 1)[0]: entry.split(" ", 1)[1] for entry in told}


def breaks(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return what code that knows the columns of `before` cannot live with."""
    tables = {name.split(".")[0] for name in before}
    lost = [f"{name} is gone" for name in before.keys() - after.keys()]
    new = [name for name in after.keys() - before.keys() if name.split(".")[0] in tables]
    needed = [
        f"{name} has to be named" for name in new if " not null" in after[name] and after[name].endswith(" default ")
    ]
    changed = [
        f"{name} was {before[name]!r}, is {after[name]!r}"
        for name in before.keys() & after.keys()
        if after[name] not in {before[name], before[name].replace(" not null", "")}
    ]
    return sorted(lost + needed + changed)


def test_what_breaks_is_seen() -> None:
    before = {"job.id": "uuid not null default ", "job.name": "text default "}
    assert breaks(before, before | {"job.more": "text default ", "other.id": "uuid not null default "}) == []
    assert breaks(before, before | {"job.count": "integer not null default 0"}) == []
    assert breaks(before, before | {"job.id": "uuid default "}) == []
    assert breaks(before, before | {"job.more": "text not null default "}) == ["job.more has to be named"]
    assert breaks(before, before | {"job.name": "text not null default "}) != []
    assert breaks(before, {"job.id": "uuid not null default "}) == ["job.name is gone"]


def test_each_revision_leaves_the_release_before_at_work(database_url: str) -> None:
    broken = {}
    after = columns(catalog(database_url))
    for revision in ScriptDirectory.from_config(alembic_config()).walk_revisions():
        if revision.revision == BEFORE_ANY_RELEASE:
            break
        assert isinstance(revision.down_revision, str)
        command.downgrade(alembic_config(database_url), revision.down_revision)
        before = columns(catalog(database_url))
        broken[revision.revision] = breaks(before, after)
        after = before
    assert len(broken) >= 3
    assert not any(broken.values()), broken
