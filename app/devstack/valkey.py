"""A Valkey (or Redis) server of our own, in a folder: started, stopped, restarted.

    with Valkey(Path("state/valkey")) as server:
        redis.Redis.from_url(server.url)

The folder holds the append-only file, `password`, `port`, `lock` and, unless another place is named, `valkey.log`.
The configuration, and the password with it, goes in by standard input: neither a file nor the command line has it.
"""

from __future__ import annotations

import os
import signal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.devstack.binaries import valkey_program
from app.devstack.pipes import pipe_holding
from app.devstack.ports import LOOPBACK
from app.devstack.processes import Process, Program
from app.devstack.server import LoopbackServer

STOP_TIMEOUT_SECONDS = 10
ANSWER_TIMEOUT_SECONDS = 2


class Valkey(LoopbackServer):
    """The server of one folder; its password may change between runs."""

    name = "valkey"
    start_timeout_seconds = 120
    """It reads the append-only file before it answers."""

    @property
    def url(self) -> str:
        """`redis://:password@127.0.0.1:port/0`; known once it has been started."""
        return f"redis://:{self._password_in_url}@{LOOPBACK}:{self.port}/0"

    def answers(self) -> bool:
        """Tell whether it answers a PING; while it reads its file it does not."""
        connection = redis.Redis(
            host=LOOPBACK,
            port=self.port,
            password=self.password,
            retry=Retry(NoBackoff(), 0),  # who asks, asks again
            socket_timeout=ANSWER_TIMEOUT_SECONDS,
            socket_connect_timeout=ANSWER_TIMEOUT_SECONDS,
        )
        try:
            return bool(connection.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False
        finally:
            connection.close()

    def _spawn(self, lock_descriptor: int) -> Process:
        program = Program(
            name=self.name,
            argv=[str(valkey_program()), "-"],
            log=self.log,
            environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stop_signal=signal.SIGTERM,
            stop_timeout_seconds=STOP_TIMEOUT_SECONDS,
            death_signal=signal.SIGTERM,
            descriptors=[lock_descriptor],
        )
        with pipe_holding(self._configuration()) as configuration:
            return Process(program, stdin=configuration)

    def _configuration(self) -> str:
        directives = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "unixsocket": "",
            "dir": str(self.folder),
            "appendonly": "yes",
            "save": "",  # the append-only file is enough
            "maxmemory-policy": "noeviction",  # a broker that forgets is worse than one that refuses
            "requirepass": self.password,
            "logfile": "",
            "daemonize": "no",
        }
        return "".join(f"{name} {_quoted(value)}\n" for name, value in directives.items())


def _quoted(value: str) -> str:
    """Quote as the server's configuration reader understands it (`sdssplitargs`)."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
