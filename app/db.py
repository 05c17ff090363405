"""Engine, sessions and the declarative base.

One engine a process. Every connection speaks UTC and has an application name, so that `pg_stat_activity` says who asks.
A unit of work is `with transaction() as session:`: it commits at the end, or rolls back and raises.
Database times are the only times that decide anything (`now()` of PostgreSQL), never a worker's clock.

A process may be stopped in the midst of a transaction: SIGSTOP, a paused machine, a lost network. Leases do not help
against its row locks, so PostgreSQL itself takes them back (law 2): see the bounds below.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, DateTime, Engine, MetaData, create_engine, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from app.errors import CommitUnknown, DatabaseUnavailable
from app.settings import settings

T = TypeVar("T")

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


LOCK_WAIT_SECONDS = 10
"""How long a statement waits for a lock. Longer than `SILENCE_SECONDS`: who waits for a stopped process outlives it."""
SILENCE_SECONDS = 8
"""How long a client may be silent inside a transaction, or leave an answer unread, before PostgreSQL ends its session.

Nobody is silent for long who is well: neither vCenter nor Redis is asked inside a transaction. And it does no harm to
end one too early: the work is rolled back, and tried again.
"""
TRANSACTION_SECONDS = 30
"""How long a transaction may last as a whole, if PostgreSQL is 17 or newer.

It is there for one case: a client that is stopped while it sends a batch (psycopg's `executemany` is a pipeline) counts
as active, not as idle in a transaction.
"""

ANSWER_SECONDS = 12
"""How long we wait for PostgreSQL's answer to a statement; longer than it lets a statement wait for a lock.

A server that hangs, or a connection that somebody on the way keeps open, gives no sign at all: TCP's own timers see a
peer that is well.
"""
SIGN_OF_LIFE_SECONDS = 3
"""The same outside of transactions, where a connection is tried out: nothing there waits for a lock."""

_READ_ONLY = "25006"
_BUSY = "the database is busy: try again in a moment"
_AWAY = "the database does not answer: try again when PostgreSQL is back"
_TOLD = {
    # SQLSTATE: what passes by itself (serialization failure, deadlock, lock timeout), …
    "40001": _BUSY,
    "40P01": _BUSY,
    "55P03": _BUSY,
    # … and what passes when somebody sees to it.
    "53000": "the database has too little of what it needs: see PostgreSQL's log, then try again",
    "53100": "the database's disk is full, so nothing can be written down: make room, then try again",
    "53200": "the database is out of memory: try again in a moment",
    "53300": "the database has no connection left for us: try again in a moment, or raise its max_connections",
    "58030": "the database cannot read or write its files: see PostgreSQL's log, then try again",
    _READ_ONLY: "the database is read-only, a standby perhaps: try again when there is a primary",
}


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
            # A peer that vanished without a word is noticed in half a minute, not in two hours; on both ends.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 4,
            # Keepalives are silent while something is on its way and nobody acknowledges it.
            "tcp_user_timeout": SILENCE_SECONDS * 1000,
            "options": " ".join(f"-c {name}={value}" for name, value in _session_settings().items()),
        },
    )


def _session_settings() -> dict[str, str]:
    """Return what PostgreSQL is to keep to for each of our connections; every version since 15 knows these."""
    return {
        "timezone": "UTC",
        "lock_timeout": f"{LOCK_WAIT_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{SILENCE_SECONDS}s",
        # A session that is sending is not idle, and a stopped client's kernel goes on acknowledging an empty window.
        "tcp_user_timeout": f"{SILENCE_SECONDS}s",
        "tcp_keepalives_idle": "10s",
        "tcp_keepalives_interval": "5s",
        "tcp_keepalives_count": "4",
    }


def _bound_whole(seconds: int, *, local: bool) -> str:
    """Return the statement that bounds transactions as a whole, and does nothing where PostgreSQL is older than 17.

    In the options of a connection an older one would refuse the setting.
    """
    known = "current_setting('transaction_timeout', true) IS NOT NULL"
    return f"SELECT set_config('transaction_timeout', '{seconds}s', {local}) WHERE {known}"


def _bound_transactions(connection: psycopg.Connection[Any], _record: object) -> None:
    """Bound every transaction of a new connection as a whole, and let none be over before it is on disk."""
    connection.autocommit = True
    connection.execute(_bound_whole(TRANSACTION_SECONDS, local=False).encode())
    # What a client has been told of must outlive a crash, whatever is usual on that server.
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.autocommit = False


class _Bounded(psycopg.Connection[Any]):
    """A connection on which no answer is waited for without end."""

    answer_seconds: float = ANSWER_SECONDS
    at_work: bool = False
    """Statements without a transaction are a call's, and not the trial of a connection."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for an answer as psycopg does, but for so long only; the connection is closed when there is none."""
        bound = SIGN_OF_LIFE_SECONDS if self.autocommit and not self.at_work else self.answer_seconds
        try:
            return super().wait(gen, interval, bound if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if error.sqlstate is None and self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
                raise psycopg.OperationalError(f"no answer on this connection for {bound} s") from error
            raise

    def commit(self) -> None:
        """Commit; the next transaction takes the usual time."""
        super().commit()
        self.answer_seconds = ANSWER_SECONDS

    def rollback(self) -> None:
        """Roll back; the next transaction takes the usual time."""
        super().rollback()
        self.answer_seconds = ANSWER_SECONDS


def _connect(_dialect: object, _record: object, arguments: tuple[Any, ...], named: dict[str, Any]) -> _Bounded:
    return _Bounded.connect(*arguments, **named)


def _at_work(connection: Connection) -> None:
    _bounded(connection).at_work = True


def _laid_down(connection: psycopg.Connection[Any] | None, _record: object) -> None:
    if isinstance(connection, _Bounded):
        connection.at_work = False


def _bounded(connection: Connection) -> _Bounded:
    made = connection.connection.driver_connection
    if not isinstance(made, _Bounded):
        raise TypeError(f"a connection that was not made by this module: {made!r}")
    return made


def _leave_read_only(context: ExceptionContext) -> None:
    """Let go of connections to a server that was made a standby: new ones may lead to its successor."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


def take_longer(session: Session, *, lock_wait_seconds: int, silence_seconds: int, transaction_seconds: int) -> None:
    """Let this one transaction take longer; if its process is stopped, it keeps others from going on for longer too."""
    session.execute(text(f"SET LOCAL lock_timeout = '{lock_wait_seconds}s'"))
    session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{silence_seconds}s'"))
    session.execute(text(_bound_whole(transaction_seconds, local=True)))
    _bounded(session.connection()).answer_seconds = transaction_seconds


@cache
def engine() -> Engine:
    """Return this process's engine."""
    made = make_engine(settings().database_url.get_secret_value())
    event.listen(made, "do_connect", _connect)
    event.listen(made, "connect", _bound_transactions)
    event.listen(made, "checkin", _laid_down)
    event.listen(made, "handle_error", _leave_read_only)
    return made


@cache
def _sessions(*, reads: bool) -> sessionmaker[Session]:
    if not reads:
        return sessionmaker(engine(), expire_on_commit=False)
    each_by_itself = engine().execution_options(isolation_level="AUTOCOMMIT")
    event.listen(each_by_itself, "engine_connect", _at_work)
    return sessionmaker(each_by_itself, expire_on_commit=False)


_joined: ContextVar[Session | None] = ContextVar("joined", default=None)


@contextmanager
def as_one(session: Session) -> Iterator[None]:
    """Let every `transaction()` within the block be this session's: for what only reads, and would pay for several."""
    before = _joined.set(session)
    try:
        yield
    finally:
        _joined.reset(before)


@contextmanager
def transaction(*, reads: bool = False) -> Iterator[Session]:
    """Open a session, commit it at the end of the block, roll it back on an error.

    What only `reads` needs no transaction of PostgreSQL: there, each statement sees what is committed when it begins,
    with one or without. Two round trips fewer, for calls that are asked most of all.

    Raises `DatabaseUnavailable` when PostgreSQL cannot be reached or the connection was lost, when it cannot write, and
    when somebody else held what is needed for too long, or waited for us in a circle; `CommitUnknown`, which is one of
    these, when the connection was lost with the commit on its way.
    """
    joined = _joined.get()
    if joined is not None:
        yield joined
        return
    committing = False
    try:
        with _sessions(reads=reads).begin() as session:
            yield session
            session.flush()
            committing = True
    except PoolTimeoutError as error:
        raise DatabaseUnavailable("every connection to the database is busy: try again in a moment") from error
    except DBAPIError as error:
        unavailable = _unavailable(error, committing=committing)
        if unavailable is None:
            raise
        raise unavailable from error


def _unavailable(error: DBAPIError, *, committing: bool) -> DatabaseUnavailable | None:
    """Return what an error of the database says about its availability; `None`: nothing."""
    told = _TOLD.get(getattr(error.orig, "sqlstate", None) or "")
    if told:
        return DatabaseUnavailable(told)
    # A connection that could not be made says so in its text alone; one that broke is marked by SQLAlchemy.
    if not error.connection_invalidated and "connection" not in str(error.orig):
        return None
    return CommitUnknown() if committing else DatabaseUnavailable(_AWAY)


def ping() -> None:
    """Ask PostgreSQL for a sign of life; raises `DatabaseUnavailable` without one."""
    with transaction() as session:
        session.execute(text("SELECT 1"))


def utc_now() -> datetime:
    """Return the present time with its zone: for what is shown, never for what decides."""
    return datetime.now(UTC)
