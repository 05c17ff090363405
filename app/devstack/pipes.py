"""A pipe with a text in it: how a program is given a secret without a file and without its command line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from app.devstack.accounts import Account

CAPACITY_BYTES = 4096
"""Any pipe takes that much without a reader (PIPE_BUF, and the smallest buffer Linux gives)."""


@contextmanager
def pipe_holding(text: str, reader: Account | None = None) -> Iterator[int]:
    """Yield the reading end of a pipe that holds `text`, closed by its writer; `reader` may open it by name."""
    content = text.encode()
    if len(content) > CAPACITY_BYTES:
        raise ValueError(f"{len(content)} bytes do not fit into a pipe that nobody reads yet")
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as stream:
            stream.write(content)
        if reader:
            os.fchown(reading, reader.uid, reader.gid)  # /dev/stdin is opened by name, so its permissions count
        yield reading
    finally:
        os.close(reading)
