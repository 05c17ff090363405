"""Databases for tests, each a copy of one whose schema is made already: a tenth of a second instead of an upgrade."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql

from app.devstack.postgres import Postgres
from migrations.schema import upgrade

_TEMPLATE = "migrated"


class Databases:
    """The databases of one server."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
        upgrade(server.url_of(_TEMPLATE))

    @contextmanager
    def fresh(self, *, migrated: bool = True) -> Iterator[str]:
        """Make a database, empty or with our schema; yield its URL, and drop it at the end."""
        name = f"test_{uuid4().hex}"
        template = sql.Identifier(_TEMPLATE if migrated else "template0")
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), template))
        try:
            yield self._server.url_of(name)
        finally:
            # FORCE: a worker that a test has killed may still have connections that nobody has noticed to be dead.
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server.url_of("postgres"), autocommit=True) as connection:
            connection.execute(statement)
