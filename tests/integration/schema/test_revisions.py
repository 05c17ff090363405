"""The revisions make what the models say, can be undone, and can be run by several at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import app.access.models
import app.inventory.models
import app.jobs.models
import app.migration.models
import app.secondary.models  # noqa: F401  # the imports fill the metadata
from app.db import Base, driver_url, make_engine
from migrations.schema import alembic_config, upgrade
from tests.integration.schema.catalog import catalog
from tests.running.databases import Databases
from tests.running.waiting import until

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 60


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    with databases.fresh(migrated=False) as url:
        yield url


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    with databases.fresh() as url:
        yield url


def revision_of(url: str) -> str | None:
    engine = create_engine(driver_url(url))
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    return found


def test_models_and_revisions_make_the_same_schema(empty_url: str, database_url: str) -> None:
    engine = make_engine(empty_url)
    Base.metadata.create_all(engine)
    engine.dispose()
    by_models, by_revisions = catalog(empty_url), catalog(database_url)
    assert sorted(by_models - by_revisions) == [], "the models have, the revisions do not make"
    assert sorted(by_revisions - by_models) == [], "the revisions make, the models do not have"
    assert {entry.split()[0] for entry in by_models} == {"column", "constraint", "index", "type", "sequence"}


def test_the_newest_revision_is_the_only_head(database_url: str) -> None:
    [head] = ScriptDirectory.from_config(alembic_config()).get_heads()
    assert revision_of(database_url) == head


def test_going_back_leaves_nothing_behind(database_url: str) -> None:
    command.downgrade(alembic_config(database_url), "base")
    assert catalog(database_url) == set()


def test_each_revision_can_be_undone_and_done_again(database_url: str) -> None:
    """One after the other, down to nothing and up again."""
    revisions = list(ScriptDirectory.from_config(alembic_config()).walk_revisions())
    before = []
    for revision in revisions:
        before.append(catalog(database_url))
        assert not isinstance(revision.down_revision, list | tuple), "nobody merges branches here"
        command.downgrade(alembic_config(database_url), revision.down_revision or "base")
    for revision, expected in zip(reversed(revisions), reversed(before), strict=True):
        command.upgrade(alembic_config(database_url), revision.revision)
        assert catalog(database_url) == expected


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    before = catalog(database_url)
    upgrade(database_url)
    assert catalog(database_url) == before


def test_upgrades_at_once_wait_for_each_other(empty_url: str, database_url: str) -> None:
    """As they happen: every host of an installation starts with an upgrade."""
    code = "import os; from migrations.schema import upgrade; upgrade(os.environ['DATABASE_URL'])"
    environment = {**os.environ, "DATABASE_URL": empty_url}
    running = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in running:
        _, said = process.communicate(timeout=DEADLINE_SECONDS)
        assert process.returncode == 0, said
    assert catalog(empty_url) == catalog(database_url)


def test_an_upgrade_that_fails_half_way_changes_nothing(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE TABLE volume (in_the_way boolean)")
    with pytest.raises(Exception, match="volume"):
        upgrade(empty_url)
    assert catalog(empty_url) == {"column volume.in_the_way boolean default "}
    assert revision_of(empty_url) is None


_BEFORE_INDEXES = "0010"
_ADD_JOB = """
    INSERT INTO job (id, command, state, subject, resource_type, resource_id, system_id, account_id, user_id, payload,
                     max_attempts)
    SELECT id, 'migrateVolume', 'queued', 'volume:' || id, 'Volume', id, id, id, id, '{}', 5
    FROM gen_random_uuid() AS id
"""


def test_indexes_are_made_while_others_write(database_url: str) -> None:
    """The making waits for whoever is at work, and nobody waits for it."""
    made = catalog(database_url)
    command.downgrade(alembic_config(database_url), _BEFORE_INDEXES)
    with psycopg.connect(database_url) as busy, psycopg.connect(database_url, autocommit=True) as other:
        busy.execute(_ADD_JOB)
        with ThreadPoolExecutor(1) as pool:
            upgrading = pool.submit(upgrade, database_url)
            until(lambda: other.execute(_WAITING).fetchone(), DEADLINE_SECONDS, "the index waits for the writer")
            other.execute("SET lock_timeout = '1s'")
            other.execute(_ADD_JOB)
            other.execute("UPDATE job SET progress = 1")
            assert not upgrading.done()
            busy.commit()
            upgrading.result(DEADLINE_SECONDS)
    assert catalog(database_url) == made


_WAITING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'
"""


def test_an_index_that_was_not_finished_is_made_anew(database_url: str) -> None:
    made = catalog(database_url)
    command.downgrade(alembic_config(database_url), _BEFORE_INDEXES)
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE INDEX ix_job_kind ON job (resource_type)")
    upgrade(database_url)
    assert catalog(database_url) == made
