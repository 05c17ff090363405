"""Jobs against a real database and a real broker."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import pytest
import redis

from app.devstack.valkey import Valkey
from app.jobs.queue import QUEUE


@pytest.fixture(autouse=True)
def _installed(installation: None) -> None:
    """Every test here is a part of an installation."""


@pytest.fixture
def heard(valkey: Valkey) -> Iterator[Callable[[], list[tuple[str, str]]]]:
    """Take every message out of the queue: which step, for which job."""
    connection = redis.Redis.from_url(valkey.url)
    connection.delete(QUEUE)

    def listen() -> list[tuple[str, str]]:
        messages = []
        while (raw := connection.rpop(QUEUE)) is not None:
            assert isinstance(raw, bytes)
            message = json.loads(raw)
            [[job_id], named, _] = json.loads(base64.b64decode(message["body"]))
            assert named == {}, "a message holds a job's id and nothing else"
            messages.append((message["headers"]["task"], job_id))
        return messages

    yield listen
    connection.delete(QUEUE)
    connection.close()
