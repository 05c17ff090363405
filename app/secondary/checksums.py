"""Checksums of what is carried: SHA-256 of each chunk, kept beside the chunk's file so that a copy can be resumed.

The checksum of a whole file is the SHA-256 of its chunks' SHA-256s, one after the other. A plain SHA-256 cannot be
continued by another process without reading everything again; this one can, and every byte is in it all the same.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from app.secondary.errors import file_errors

CHUNK_BYTES = 4 << 20
"""What is copied between two signs of progress: at most so much is copied, or read, twice after a crash."""

ZEROS = bytes(CHUNK_BYTES)
"""A chunk of a hole. Places hand out this very object for holes, so that nobody looks at its bytes."""

_DIGEST_BYTES = hashlib.sha256().digest_size
_ZEROS_DIGEST = hashlib.sha256(ZEROS).digest()


def digest_of(chunk: bytes) -> bytes:
    """Return the SHA-256 of a chunk."""
    return _ZEROS_DIGEST if chunk is ZEROS else hashlib.sha256(chunk).digest()


def chunk_count(size_bytes: int) -> int:
    """Return how many chunks a file of that size has; the last one may be shorter."""
    return -(-size_bytes // CHUNK_BYTES)


def chunk_end(number: int, size_bytes: int) -> int:
    """Return where chunk `number` ends in a file of `size_bytes`."""
    return min((number + 1) * CHUNK_BYTES, size_bytes)


def whole_chunks(copied_bytes: int, size_bytes: int) -> int:
    """Return how many chunks are whole when the first `copied_bytes` of a file are there."""
    return chunk_count(size_bytes) if copied_bytes >= size_bytes else copied_bytes // CHUNK_BYTES


class Sums:
    """The digests of a file's chunks, 32 bytes each, in a file of their own.

    Each is written to its place, never appended: who writes one twice writes the same. One that was torn by a crash
    does not count.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; it is made when it is not there."""
        self._name = path.name
        with file_errors(self._name):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        os.close(self._file)

    def __len__(self) -> int:
        """Return how many whole digests there are."""
        return os.fstat(self._file).st_size // _DIGEST_BYTES

    def put(self, number: int, digest: bytes) -> None:
        """Write the digest of chunk `number` durably."""
        with file_errors(self._name):
            os.pwrite(self._file, digest, number * _DIGEST_BYTES)
            os.fdatasync(self._file)

    def get(self, number: int) -> bytes:
        """Return the digest of chunk `number`; raises `IndexError` when it is not there."""
        digest = os.pread(self._file, _DIGEST_BYTES, number * _DIGEST_BYTES)
        if len(digest) < _DIGEST_BYTES:
            raise IndexError(number)
        return digest

    def whole(self, count: int) -> str:
        """Return the checksum of a whole file of `count` chunks, in hex; `IndexError` when one is missing."""
        if len(self) < count:
            raise IndexError(count)
        total = hashlib.sha256()
        for number in range(count):
            total.update(self.get(number))
        return total.hexdigest()
