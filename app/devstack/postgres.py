"""A PostgreSQL server of our own, in a folder: made on first use, started, stopped, restarted.

    with Postgres(Path("state/postgres")) as server:
        psycopg.connect(server.url)

The folder holds `data` (the cluster), `password`, `port`, `lock` and, unless another place is named, `postgres.log`.
It listens on loopback only, without a Unix socket (their paths are limited to 107 bytes), and asks for a password
(SCRAM-SHA-256).

As root, PostgreSQL runs as `postgres` or `nobody`. Folders above may be closed to that user (`/root`, `mktemp -d`);
nothing is changed on them, nor are the data put elsewhere: the server is handed the *open* data folder and finds it at
`/proc/self/fd/N`, where no path is walked. (Its programs are another matter: see `binaries_copy`.)
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from app.devstack.accounts import Account, database_account
from app.devstack.binaries import postgres_folder
from app.devstack.binaries_copy import folder_for
from app.devstack.pipes import pipe_holding
from app.devstack.ports import LOOPBACK
from app.devstack.processes import SUCCESS, Pause, Process, Program
from app.devstack.server import LoopbackServer
from app.errors import ConfigurationError

USER = "vrelocate"
DATABASE = "vrelocate"

INITDB_TIMEOUT_SECONDS = 120
STOP_TIMEOUT_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 10
_STATUS_LINE = 7  # of postmaster.pid, counted from 0: LOCK_FILE_LINE_PM_STATUS (8) of PostgreSQL's pidfile.h

DEFAULT_PARAMETERS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",  # the API's and every worker's pools
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres(LoopbackServer):
    """The server of one folder."""

    name = "postgres"
    start_timeout_seconds = 300
    """After a crash it replays the write-ahead log before it answers."""

    def __init__(
        self,
        folder: Path,
        *,
        password: str | None = None,
        log: Path | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare, start nothing.

        `password` (default: made, and kept in the folder) is taken on when the cluster is made and stays its own;
        `parameters` are settings as in postgresql.conf, on top of ours (`{"fsync": "off"}` for tests).
        """
        super().__init__(folder, password=password, log=log)
        self.data = self.folder / "data"
        self._parameters = {**DEFAULT_PARAMETERS, **(parameters or {})}

    @property
    def url(self) -> str:
        """`postgresql://user:password@127.0.0.1:port/vrelocate`; known once it has been started."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Return the URL of another database of this server."""
        return f"postgresql://{USER}:{self._password_in_url}@{LOOPBACK}:{self.port}/{database}"

    def answers(self) -> bool:
        """Tell whether it accepts connections, as it says itself in `postmaster.pid`."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        if len(lines) <= _STATUS_LINE:
            return False
        return lines[0] == str(self.process.pid) and lines[_STATUS_LINE].strip() == "ready"

    def _prepare(self, pause: Pause | None) -> None:
        """Make the cluster if there is none."""
        if self.data.exists():
            return
        # Under another name until it is whole: initdb may be killed half-way, and it refuses a folder with contents.
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        account = database_account()
        if account:
            os.chown(fresh, account.uid, account.gid)
        arguments = ["-U", USER, "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", "--pwfile=/dev/stdin"]
        if self._parameters.get("fsync") == "off":
            arguments.append("--no-sync")
        with pipe_holding(self.password + "\n", account) as password, _opened(fresh, account) as (path, descriptors):
            program = self._program("initdb", ["-D", path, *arguments], account, descriptors, signal.SIGKILL)
            process = Process(program, stdin=password)
            end = process.wait_for_end(timeout_seconds=INITDB_TIMEOUT_SECONDS, pause=pause)
        if end != SUCCESS:
            raise ConfigurationError(f"making the database in {self.data}: initdb {end}; {process.last_words()}")
        fresh.rename(self.data)

    def _spawn(self, lock_descriptor: int) -> Process:
        # We hold the folder's lock, so no server of this folder lives; without this, PostgreSQL takes any process that
        # happens to have the crashed one's number for it ("Is another postmaster running?").
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        parameters = {**self._parameters, "port": str(self.port)}
        arguments = [text for name, value in parameters.items() for text in ("-c", f"{name}={value}")]
        account = database_account()
        with _opened(self.data, account) as (path, descriptors):
            inherited = [*descriptors, lock_descriptor]
            return Process(self._program("postgres", ["-D", path, *arguments], account, inherited, signal.SIGINT))

    def _complete(self) -> None:
        """Make our database if it is missing."""
        url = self.url_of("postgres")
        with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not known:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _program(
        self, name: str, arguments: list[str], account: Account | None, descriptors: list[int], end: signal.Signals
    ) -> Program:
        folder = postgres_folder()
        if account:
            folder = folder_for(account, folder)
        return Program(
            name=name,
            argv=[str(folder / name), *arguments],
            log=self.log,
            # Not ours: PGPORT, PGDATA, PGOPTIONS and others would be obeyed, and secrets are none of its business.
            environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stop_signal=end,
            stop_timeout_seconds=STOP_TIMEOUT_SECONDS,
            death_signal=end,
            account=account,
            descriptors=descriptors,
        )


@contextmanager
def _opened(folder: Path, account: Account | None) -> Iterator[tuple[str, list[int]]]:
    """Yield how the server is told where `folder` is, and the descriptors that it must inherit for that."""
    if account is None or sys.platform != "linux":
        yield str(folder), []
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", [descriptor]
    finally:
        os.close(descriptor)
