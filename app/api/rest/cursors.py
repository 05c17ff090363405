"""Cursors: where a list goes on, as a text that clients hand back and need not understand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.jobs.history import Position

CURSOR_PATTERN = "^[0-9]{1,16}-[0-9a-f]{32}$"
"""Whatever looks like this stands for some position: microseconds since 1970, and a job's id."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cursor_of(position: Position) -> str:
    """Return the cursor that stands for a position."""
    return f"{(position.created_at - _EPOCH) // timedelta(microseconds=1)}-{position.id.hex}"


def position_of(cursor: str) -> Position:
    """Return the position that a cursor of `CURSOR_PATTERN` stands for."""
    microseconds, _, job_id = cursor.partition("-")
    return Position(_EPOCH + timedelta(microseconds=int(microseconds)), UUID(job_id))
