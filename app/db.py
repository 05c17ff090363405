"""Engine, sessions and the declarative base.

One engine a process. Every connection speaks UTC and has an application name, so that `pg_stat_activity` says who asks.
A unit of work is `with transaction() as session:`: it commits at the end, or rolls back and raises.
Database times are the only times that decide anything (`now()` of PostgreSQL), never a worker's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import DateTime, Engine, MetaData, create_engine, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from app.errors import ResourceUnavailable
from app.settings import settings

Json = dict[str, Any]
"""A JSON object as JSONB holds it."""

# Every constraint has a name that alembic can find again, the same on every machine.
NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


# What passes by itself (SQLSTATE): serialization failure, deadlock, lock timeout.
_PASSING = frozenset({"40001", "40P01", "55P03"})


class Base(DeclarativeBase):
    """Base of every table; datetimes carry their zone, dictionaries are JSONB."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: DateTime(timezone=True), Json: JSONB(none_as_null=True)}  # noqa: RUF012  # SQLAlchemy's own idiom


def driver_url(url: str) -> str:
    """Turn `postgres://` or `postgresql://` into the URL that names our driver, psycopg 3."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in {"postgres", "postgresql"} else url


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """Return an engine for `url` whose dead connections are noticed before they are used."""
    return create_engine(
        driver_url(url),
        pool_pre_ping=True,
        # Values may be secrets, and errors end up in logs.
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        connect_args={
            "application_name": "vrelocate",
            "connect_timeout": 5,
            # A peer that vanished without a word is noticed in half a minute, not in two hours.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 4,
            "options": "-c timezone=UTC -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
        },
    )


@cache
def engine() -> Engine:
    """Return this process's engine."""
    return make_engine(settings().database_url.get_secret_value())


@cache
def _sessions() -> sessionmaker[Session]:
    return sessionmaker(engine(), expire_on_commit=False)


@contextmanager
def transaction() -> Iterator[Session]:
    """Open a session, commit it at the end of the block, roll it back on an error.

    Raises `ResourceUnavailable` when PostgreSQL cannot be reached or the connection was lost, and when somebody else
    held what is needed for too long, or waited for us in a circle.
    """
    try:
        with _sessions().begin() as session:
            yield session
    except PoolTimeoutError as error:
        raise ResourceUnavailable("every connection to the database is busy: try again in a moment") from error
    except DBAPIError as error:
        # A connection that could not be made says so in its text alone; one that broke is marked by SQLAlchemy.
        if error.connection_invalidated or "connection" in str(error.orig):
            raise ResourceUnavailable("the database does not answer: try again when PostgreSQL is back") from error
        if getattr(error.orig, "sqlstate", None) in _PASSING:
            raise ResourceUnavailable("the database is busy: try again in a moment") from error
        raise


def ping() -> None:
    """Ask PostgreSQL for a sign of life; raises `ResourceUnavailable` without one."""
    with transaction() as session:
        session.execute(text("SELECT 1"))


def utc_now() -> datetime:
    """Return the present time with its zone: for what is shown, never for what decides."""
    return datetime.now(UTC)
