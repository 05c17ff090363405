"""Alembic's environment: which database, which metadata, and how long a migration may wait for a lock.

Revisions are additive so that the previous release goes on working on the new schema while workers are replaced. Each
is a transaction of its own; one that makes indexes on big tables has none (`op.get_context().autocommit_block()`), so
that nobody who writes has to wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Engine, text

import app.access.models
import app.inventory.models
import app.jobs.models
import app.limits
import app.migration.models
import app.secondary.models  # noqa: F401  # the imports fill the metadata
from app.db import Base, make_engine
from app.settings import settings

_ONE_AT_A_TIME = 0x7672_656C  # "vrel": the advisory lock that two upgrades at once would race for


_LOOK_AGAIN_SECONDS = 0.1


def _run() -> None:
    """Upgrade, one upgrade at a time."""
    url = context.config.attributes.get("database_url") or settings().database_url.get_secret_value()
    engine = make_engine(url)
    try:
        with _alone(engine), engine.connect() as connection:
            # A table that somebody holds is waited for briefly: better to fail and try again than to stop every worker.
            connection.execute(text("SET lock_timeout = '5s'"))
            connection.commit()
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                compare_server_default=True,
                transaction_per_migration=True,
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        engine.dispose()


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Wait until no other upgrade is under way, and keep others waiting.

    Asked for again and again: a statement that waits would be one that CREATE INDEX CONCURRENTLY waits for, for ever.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
        while not guard.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ONE_AT_A_TIME}):
            time.sleep(_LOOK_AGAIN_SECONDS)
        try:
            yield
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ONE_AT_A_TIME})


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    _run()
