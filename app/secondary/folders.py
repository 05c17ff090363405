"""A folder of this machine as a place: secondary storage itself, and file pools that are mounted on every worker.

Holes stay holes, both ways: what a file system says is one is not read (SEEK_DATA), and zeros are not written.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.secondary.checksums import CHUNK_BYTES, ZEROS
from app.secondary.errors import PlaceFailed, SourceChanged, SourceGone, StoreUnusable, file_errors
from app.secondary.places import Stat

_BLOCK_BYTES = 64 << 10
"""Zeros of this length, at a multiple of it, become a hole."""


class FolderPlace:
    """The files below a folder."""

    def __init__(self, root: Path, alive: Callable[[], None] = lambda: None) -> None:
        """Refuse a root that is not there: it is mounted by an operator, never made by us.

        `alive` is called with every chunk that is read, and raises to stop.
        """
        if not root.is_dir():
            raise StoreUnusable(f"{root} is no folder on this worker: mount it there, as on every other worker")
        self._root = root
        self._alive = alive

    def stat(self, path: str) -> Stat | None:
        """Return size and version of a file; `None` when it is not there."""
        with file_errors(path):
            try:
                return _stat(self._at(path).stat())
            except FileNotFoundError:
                return None

    @contextmanager
    def reading(
        self, path: str, *, offset: int, length: int | None = None, version: str | None = None
    ) -> Iterator[Iterator[bytes]]:
        """Read a file's chunks; holes are not read."""
        with file_errors(path):
            try:
                file = os.open(self._at(path), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise SourceGone(f"{self._at(path)} is not there") from error
        try:
            seen = _stat(os.fstat(file))
            if version is not None and seen.version != version:
                raise SourceChanged(f"{self._at(path)} was changed while it was being read")
            end = seen.size_bytes if length is None else min(seen.size_bytes, offset + length)
            yield self._chunks(file, offset, end)
        finally:
            os.close(file)

    def write(self, path: str, chunks: Iterable[bytes], *, offset: int, size_bytes: int) -> None:
        """Write the chunks, each durably before the next is asked for; zeros become holes.

        A file is only as long as what was written of it: its length says how far a copy has come. From offset 0 the
        file is a new one. A writer that was replaced and does not know it yet can do no harm: what it writes late is
        what its successor has written to the same place, nothing is cut, and a new file is out of its reach.
        """
        where = self._at(path)
        with file_errors(path):
            where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not offset:
                where.unlink(missing_ok=True)
            file = os.open(where, os.O_WRONLY | os.O_CLOEXEC | (0 if offset else os.O_CREAT | os.O_EXCL), 0o600)
        try:
            there = os.fstat(file).st_size
            at = offset
            for chunk in chunks:
                with file_errors(path):
                    _write(file, at, chunk, there)
                at += len(chunk)
            with file_errors(path):
                os.fsync(file)
        finally:
            os.close(file)
        if at != size_bytes:
            raise PlaceFailed(f"{where} was to have {size_bytes} bytes, and {at} came")

    def delete(self, path: str) -> None:
        """Delete a file; one that is not there is no error."""
        with file_errors(path):
            self._at(path).unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is kept open."""

    def _at(self, path: str) -> Path:
        return self._root / path

    def _chunks(self, file: int, offset: int, end: int) -> Iterator[bytes]:
        hole_until = offset
        while offset < end:
            self._alive()
            length = min(CHUNK_BYTES, end - offset)
            if hole_until < offset + length:
                hole_until = _data_from(file, offset, end)
            if hole_until >= offset + length:
                yield ZEROS if length == CHUNK_BYTES else bytes(length)
            else:
                chunk = os.pread(file, length, offset)
                if len(chunk) < length:
                    raise SourceChanged("a file became shorter while it was being read")
                yield ZEROS if chunk == ZEROS else chunk
            offset += length


def _stat(found: os.stat_result) -> Stat:
    return Stat(found.st_size, f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}")


def _data_from(file: int, offset: int, end: int) -> int:
    """Return where the first data at or after `offset` begins; `end` when there is nothing but a hole."""
    try:
        return os.lseek(file, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return end
        if error.errno == errno.EINVAL:  # a file system that knows no holes
            return offset
        raise


def _write(file: int, at: int, chunk: bytes, there: int) -> None:
    """Write a chunk durably; behind the first `there` bytes of the file zeros need not be written."""
    end = at + len(chunk)
    if chunk is not ZEROS or at < there:
        view = memoryview(chunk)
        for begin in range(0, len(chunk), _BLOCK_BYTES):
            block = view[begin : begin + _BLOCK_BYTES]
            if at + begin < there or block != ZEROS[: len(block)]:
                _write_all(file, block, at + begin)
    if os.fstat(file).st_size < end:
        os.ftruncate(file, end)
    os.fdatasync(file)


def _write_all(file: int, block: memoryview, at: int) -> None:
    while block:
        written = os.pwrite(file, block, at)
        block, at = block[written:], at + written
