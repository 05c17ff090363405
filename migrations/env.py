"""Alembic's environment: which database, which metadata, and how long a migration may wait for a lock.

Revisions are additive so that the previous release goes on working on the new schema while workers are replaced.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

import app.access.models
import app.inventory.models
import app.jobs.models
import app.migration.models
import app.secondary.models  # noqa: F401  # the imports fill the metadata
from app.db import Base, make_engine
from app.settings import settings

_ONE_AT_A_TIME = 0x7672_656C  # "vrel": the advisory lock that two upgrades at once would race for


def _run() -> None:
    """Upgrade inside one transaction, one upgrade at a time."""
    url = context.config.attributes.get("database_url") or settings().database_url.get_secret_value()
    engine = make_engine(url)
    try:
        with engine.connect() as connection, connection.begin():
            # Another upgrade takes the time that its tables take: longer than any other lock is waited for.
            connection.execute(text("SET LOCAL lock_timeout = '10min'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
            # A table that somebody holds is waited for briefly: better to fail and try again than to stop every worker.
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
            context.run_migrations()
    finally:
        engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    _run()
