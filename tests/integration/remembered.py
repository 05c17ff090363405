"""The inventory of a vCenter as it was first read, put into one database after another: quicker than a sync.

It grows stale as tests work on the vCenter, for things that no other test uses; migrations look for themselves anyway.
"""

from __future__ import annotations

from uuid import UUID

import psycopg
from psycopg import sql

from tests.integration import known
from tests.running.vcenter import RunningVCenter

# In the order in which they refer to each other.
_TABLES = (
    "vcenter",
    "zone",
    "cluster",
    "host",
    "storage_pool",
    "storage_pool_mount",
    "virtual_machine",
    "volume",
)


class RememberedInventory:
    """What one vCenter has shown."""

    def __init__(self, vcenter: RunningVCenter) -> None:
        self._vcenter = vcenter
        self._vcenter_id: UUID | None = None
        self._rows: dict[str, bytes] = {}

    def put_into(self, database_url: str) -> UUID:
        """Have the vCenter in the installation of that empty database; return its id there."""
        if self._vcenter_id is None:
            self._vcenter_id = known.add(self._vcenter)
            with psycopg.connect(database_url) as connection:
                self._rows = {table: self._read(connection, table) for table in _TABLES}
            return self._vcenter_id
        with psycopg.connect(database_url) as connection:
            for table, rows in self._rows.items():
                into = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                with connection.cursor() as cursor, cursor.copy(into) as copy:
                    copy.write(rows)
        return self._vcenter_id

    @staticmethod
    def _read(connection: psycopg.Connection, table: str) -> bytes:
        out = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
        with connection.cursor() as cursor, cursor.copy(out) as copy:
            return b"".join(bytes(part) for part in copy)
