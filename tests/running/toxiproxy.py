"""toxiproxy: connections between our processes and what they need, cut, slowed and swallowed at will."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from app.devstack.ports import LOOPBACK, free_port
from app.devstack.processes import Process, Program

BINARY = Path(sys.prefix) / "bin" / "toxiproxy"
START_SECONDS = 20


@dataclass(frozen=True)
class Toxiproxy:
    """A running toxiproxy; its API is plain HTTP on loopback."""

    port: int

    def proxy(self, name: str, upstream_port: int) -> Proxied:
        """Listen on a port of its own for connections that go on to `upstream_port`."""
        port = free_port()
        listen, upstream = f"{LOOPBACK}:{port}", f"{LOOPBACK}:{upstream_port}"
        self.ask("POST", "/proxies", {"name": name, "listen": listen, "upstream": upstream, "enabled": True})
        return Proxied(self, name, port)

    def reset(self) -> None:
        """Let every connection through again, as it was in the beginning."""
        self.ask("POST", "/reset")

    def answers(self) -> bool:
        """Say whether it is ready."""
        try:
            self.ask("GET", "/version")
        except OSError:
            return False
        return True

    def ask(self, method: str, path: str, content: Any = None) -> None:  # noqa: ANN401  # whatever JSON can hold
        """Send a request to its API; it must be well received."""
        connection = HTTPConnection(LOOPBACK, self.port, timeout=10)
        try:
            connection.request(method, path, None if content is None else json.dumps(content))
            answer = connection.getresponse()
            said = answer.read().decode()
        finally:
            connection.close()
        assert answer.status < 300, f"toxiproxy {method} {path}: {answer.status} {said}"


@dataclass(frozen=True)
class Proxied:
    """One address that leads through toxiproxy."""

    proxy: Toxiproxy
    name: str
    port: int

    def down(self) -> None:
        """Cut every connection, and refuse new ones."""
        self.proxy.ask("POST", f"/proxies/{self.name}", {"enabled": False})

    def up(self) -> None:
        """Take connections again."""
        self.proxy.ask("POST", f"/proxies/{self.name}", {"enabled": True})

    def cut(self) -> None:
        """Cut every connection of this moment; new ones are taken at once."""
        self.down()
        self.up()

    def lead_to(self, upstream_port: int) -> None:
        """Cut every connection, and let new ones go on to another port."""
        self.proxy.ask("POST", f"/proxies/{self.name}", {"upstream": f"{LOOPBACK}:{upstream_port}"})
        self.cut()

    @contextmanager
    def refused(self) -> Iterator[None]:
        """Cut every connection, and refuse new ones meanwhile."""
        self.down()
        try:
            yield
        finally:
            self.up()

    @contextmanager
    def swallowed(self, stream: str = "upstream", *, of: float = 1.0) -> Iterator[None]:
        """Let nothing through meanwhile, without a word: connections stay open, half-open for whoever waits.

        `stream` is what gets lost: `upstream` (questions) or `downstream` (answers); `of` the share of connections.
        What was on its way is cut at the end, for its bytes are gone.
        """
        with self._toxic("timeout", stream, of, {"timeout": 0}):
            yield

    @contextmanager
    def slowed(self, latency_milliseconds: int, jitter_milliseconds: int = 0) -> Iterator[None]:
        """Delay every answer meanwhile."""
        attributes = {"latency": latency_milliseconds, "jitter": jitter_milliseconds}
        with self._toxic("latency", "downstream", 1.0, attributes):
            yield

    @contextmanager
    def cut_after(self, size_bytes: int, stream: str = "downstream") -> Iterator[None]:
        """Cut each connection meanwhile when it has let so many bytes through: in the midst of an answer."""
        with self._toxic("limit_data", stream, 1.0, {"bytes": size_bytes}):
            yield

    @contextmanager
    def _toxic(self, kind: str, stream: str, share: float, attributes: dict[str, int]) -> Iterator[None]:
        toxics, name = f"/proxies/{self.name}/toxics", f"{kind}-{stream}"
        self.proxy.ask(
            "POST",
            toxics,
            {"name": name, "type": kind, "stream": stream, "toxicity": share, "attributes": attributes},
        )
        try:
            yield
        finally:
            self.proxy.ask("DELETE", f"{toxics}/{name}")


@contextmanager
def running_toxiproxy(folder: Path, *, seed: int | None = None) -> Iterator[Toxiproxy]:
    """Start one, and stop it at the end; `folder` takes its log."""
    assert BINARY.exists(), f"{BINARY} is missing: run `make {BINARY.relative_to(Path.cwd())}`"
    port = free_port()
    seeding = [] if seed is None else ["-seed", str(seed)]
    program = Program(
        name="toxiproxy",
        argv=[str(BINARY), "-host", LOOPBACK, "-port", str(port), *seeding],
        log=folder / "toxiproxy.log",
        environment=dict(os.environ),
    )
    process = Process(program)
    try:
        running = Toxiproxy(port)
        process.wait_until(running.answers, timeout_seconds=START_SECONDS)
        yield running
    finally:
        process.stop()
