"""Free loopback ports, kept over restarts."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from app.errors import ConfigurationError

LOOPBACK = "127.0.0.1"

FIRST_PORT, LAST_PORT = 20000, 32767
"""Below Linux's ephemeral range (32768 and up). A client that keeps calling a *stopped* server on an ephemeral port is
sooner or later given that very port for its own end and connects to itself; the server then cannot come back."""

_ATTEMPTS = 200
_random = random.SystemRandom()


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a connection of the last run that is still in TIME_WAIT is no obstacle, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """Choose a port that nobody listens on. It is not reserved: be ready to choose again."""
    for _ in range(_ATTEMPTS):
        port = _random.randint(FIRST_PORT, LAST_PORT)
        if is_free(port):
            return port
    raise ConfigurationError(f"no free port was found between {FIRST_PORT} and {LAST_PORT} on {LOOPBACK}")


def kept_port(file: Path) -> int:
    """Return the port kept in `file` if it is free, else a new one, which is kept from now on."""
    try:
        port = int(file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return new_port(file)
    return port if is_free(port) else new_port(file)


def new_port(file: Path) -> int:
    """Choose another port and keep it in `file`."""
    port = free_port()
    file.write_text(f"{port}\n", encoding="ascii")
    return port
