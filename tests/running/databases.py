"""Databases for tests: one that is emptied for each test, or one of its own, copied from one whose schema is made.

Emptying takes a hundredth of a second, a copy a fifth, an upgrade a whole one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from uuid import uuid4

import psycopg
from psycopg import sql

from app.devstack.postgres import Postgres
from migrations.schema import upgrade

_TEMPLATE = "migrated"
_SHARED = "shared"


class Databases:
    """The databases of one server."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._create(_TEMPLATE, "template0")
        upgrade(server.url_of(_TEMPLATE))

    @contextmanager
    def fresh(self, *, migrated: bool = True) -> Iterator[str]:
        """Make a database, empty or with our schema; yield its URL, and drop it at the end."""
        name = f"test_{uuid4().hex}"
        self._create(name, _TEMPLATE if migrated else "template0")
        try:
            yield self._server.url_of(name)
        finally:
            # FORCE: a worker that a test has killed may still have connections that nobody has noticed to be dead.
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def emptied(self) -> str:
        """Return the URL of the shared database, with our schema and not a row in it."""
        with psycopg.connect(self._shared) as connection:
            connection.execute("SET session_replication_role = replica")  # no foreign key is looked at
            connection.execute("SET lock_timeout = '10s'")
            for table in self._tables:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        return self._shared

    @cached_property
    def _shared(self) -> str:
        self._create(_SHARED, _TEMPLATE)
        return self._server.url_of(_SHARED)

    @cached_property
    def _tables(self) -> list[str]:
        with psycopg.connect(self._shared) as connection:
            found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return [name for (name,) in found if name != "alembic_version"]

    def _create(self, name: str, template: str) -> None:
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server.url_of("postgres"), autocommit=True) as connection:
            connection.execute(statement)
