"""What a client says to the API and what it is told, read on its way.

Each thing that a client does goes to an address of its own, from which every request is passed on as it is, and every
answer likewise: what was really called, and how often, is known without asking the client.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ANSWER_SECONDS = 30
POLL = "queryAsyncJobResult"
_OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    method: str
    command: str
    status: int
    document: dict[str, Any]
    """The answer, read as JSON."""

    @property
    def content(self) -> dict[str, Any]:
        """What is in the answer's wrapper."""
        (content,) = self.document.values()
        assert isinstance(content, dict)
        return content


class Wire:
    """All exchanges of one client in one thing that it does."""

    def __init__(self, url: str) -> None:
        self.url = url
        """What the client takes for the API's."""
        self.exchanges: list[Exchange] = []
        self._grown = threading.Condition()

    @property
    def calls(self) -> tuple[str, ...]:
        """What was called, each command once, in the order of the first time."""
        return tuple(dict.fromkeys(exchange.command for exchange in self.exchanges))

    def polls(self) -> list[dict[str, Any]]:
        """Return what each poll was told of the job."""
        return [exchange.content for exchange in self.exchanges if exchange.command == POLL]

    def add(self, exchange: Exchange) -> None:
        with self._grown:
            self.exchanges.append(exchange)
            self._grown.notify_all()

    def look_again(self, *_: object) -> None:
        """Have who waits look whether his condition has become true by something else."""
        with self._grown:
            self._grown.notify_all()

    def until(self, condition: Callable[[], bool], within_seconds: float, what: str) -> None:
        """Wait for exchanges that make `condition` true."""
        with self._grown:
            assert self._grown.wait_for(condition, within_seconds), f"{what}: not within {within_seconds} s"


@contextmanager
def tapped(api_url: str) -> Iterator[Wire]:
    """Give the API one more address for a while, and read what goes through it."""
    api = urlsplit(api_url)

    class PassedOn(BaseHTTPRequestHandler):
        """One request: HTTP/1.0 towards the client, so that no connection outlives it."""

        def _pass_on(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_CONNECTION}
            connection = http.client.HTTPConnection(api.netloc, timeout=ANSWER_SECONDS)
            try:
                connection.request(self.command, self.path, body=sent or None, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
            finally:
                connection.close()
            asked = parse_qs(urlsplit(self.path).query) | parse_qs(sent.decode("ascii"))
            wire.add(Exchange(self.command, asked["command"][0], answer.status, json.loads(body)))
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_THE_CONNECTION:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _pass_on  # noqa: N815  # the class's own names

        def log_message(self, *_: object) -> None:
            """Say nothing: lines of requests carry signatures."""

    with ThreadingHTTPServer(("127.0.0.1", 0), PassedOn) as server:
        wire = Wire(f"http://127.0.0.1:{server.server_port}{api.path}")
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        try:
            yield wire
        finally:
            server.shutdown()
            serving.join()
