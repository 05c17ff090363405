"""The API's process: uvicorn, on one address, until it is told to stop."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from app.api.app import create_app
from app.api.rest.feed import Feed
from app.errors import ConfigurationError
from app.settings import settings
from app.telemetry import logger, set_up_logging

GRACEFUL_SHUTDOWN_SECONDS = 10
"""Calls under way are finished for so long after SIGTERM; none of them waits for a migration."""
_BACKLOG = 2048
_SWITCH_SECONDS = 0.0005
"""How long a thread computes while others wait for Python's lock; a tenth of the usual.

A thread that asks for a migration waits for PostgreSQL a dozen times, and after each for those that answer polls.
"""

log = logger(__name__)


def serve(host: str, port: int) -> None:
    """Serve the API until SIGTERM or SIGINT; port 0 takes a free one, which the log names.

    Raises `ConfigurationError` when the address cannot be had or a setting is wrong. Call it from the main thread.
    """
    set_up_logging(settings())
    sys.setswitchinterval(_SWITCH_SECONDS)
    with _listening(host, port) as listener:
        log.info("api.listening", host=host, port=listener.getsockname()[1])
        api = create_app()
        config = uvicorn.Config(
            api,
            # URLs carry signatures: no access log. Our own logging is set up already.
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
        )
        server = _Server(config, api.state.feed)
        with _stopped_by_signals(server):
            server.run(sockets=[listener])
    log.info("api.stopped")


class _Server(uvicorn.Server):
    """A server whose streams of events end when it is told to stop: it would wait for them, for minutes."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._feed.close()
        super().handle_exit(sig, frame)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Open the socket ourselves: uvicorn would log the error and exit the process."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"the API cannot listen on {host} port {port}: {error.strerror or error}; choose another one"
        ) from error
    with listener:
        yield listener


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Let `serve` return after a signal: once it has stopped, uvicorn raises the signal again, for these handlers."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
