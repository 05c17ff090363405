"""Places with files: a folder of this machine, and a vCenter's datastores. What copies between them sees no difference.

Content goes in chunks (`checksums.CHUNK_BYTES`; the last one of a file may be shorter), and a chunk of a hole is the
object `checksums.ZEROS`: whoever writes it need not write anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from app.secondary.checksums import CHUNK_BYTES, ZEROS
from app.secondary.errors import FileBusy, NoSpace, PartRefused, PlaceFailed, SourceChanged, SourceGone
from app.vsphere import datastore_files
from app.vsphere.datastore_files import DatastoreFile, DatastoreFiles


@dataclass(frozen=True)
class Stat:
    """What a place tells of a file."""

    size_bytes: int
    version: str | None
    """Another one means another content; `None` when the place cannot tell."""


class Place(Protocol):
    """Where files are. Paths are relative to the place's root.

    Raises the errors of `app.secondary.errors`, and `ResourceUnavailable` when it does not answer.
    """

    def stat(self, path: str) -> Stat | None:
        """Return size and version of a file; `None` when it is not there."""

    def reading(
        self, path: str, *, offset: int, length: int | None = None, version: str | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Yield the chunks of a file from `offset` on, which is the beginning of one: `length` bytes, or all.

        Raises `SourceGone`, and `SourceChanged` when the file is not of `version` any more.
        """

    def write(self, path: str, chunks: Iterable[bytes], *, offset: int, size_bytes: int) -> None:
        """Write the chunks from `offset` to the end of a file that is to have `size_bytes`; folders above are made.

        What comes before `offset` stays, what came after is gone. When the next chunk is asked for, the one before was
        written: durably to a folder, to a datastore as far as the network.

        Raises `PartRefused` when the place writes files from their beginning only, `NoSpace`, `FileBusy`.
        """

    def delete(self, path: str) -> None:
        """Delete a file; one that is not there is no error."""

    def close(self) -> None:
        """Let go of connections."""


class DatastorePlace:
    """A datastore of a vCenter, over `/folder`.

    Every byte is sent, zeros too: that a part of a file may be left out is nothing that `/folder` promises. A disk is
    two files to it, a descriptor and an extent, and the extent of a thin disk arrives with all of its blocks written.
    """

    def __init__(self, files: DatastoreFiles, datacenter_path: str, datastore: str, alive: Callable[[], None]) -> None:
        """Take over the connections; `alive` is called with every piece that arrives, and raises to stop."""
        self._files = files
        self._datacenter_path = datacenter_path
        self._datastore = datastore
        self._alive = alive

    def stat(self, path: str) -> Stat | None:
        """Return size and version of a file; `None` when it is not there."""
        with _in_our_words():
            found = self._files.stat(self._at(path))
        return None if found is None else Stat(found.size_bytes, found.version)

    @contextmanager
    def reading(
        self, path: str, *, offset: int, length: int | None = None, version: str | None = None
    ) -> Iterator[Iterator[bytes]]:
        """Stream a file's chunks over one request."""
        at = self._at(path)
        with _in_our_words(), self._files.reading(at, offset=offset, length=length, version=version) as pieces:
            yield self._chunks(pieces)

    def write(self, path: str, chunks: Iterable[bytes], *, offset: int, size_bytes: int) -> None:
        """Send the chunks in one request."""
        with _in_our_words():
            self._files.write(self._at(path), chunks, size_bytes=size_bytes, offset=offset)

    def delete(self, path: str) -> None:
        """Delete a file."""
        with _in_our_words():
            self._files.delete(self._at(path))

    def close(self) -> None:
        """Close the connections."""
        self._files.close()

    def _at(self, path: str) -> DatastoreFile:
        return DatastoreFile(self._datacenter_path, self._datastore, path)

    def _chunks(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Put pieces of any length together to chunks."""
        gathered = bytearray()
        for piece in pieces:
            self._alive()
            gathered += piece
            while len(gathered) >= CHUNK_BYTES:
                chunk = bytes(gathered[:CHUNK_BYTES])
                del gathered[:CHUNK_BYTES]
                yield ZEROS if chunk == ZEROS else chunk
        if gathered:
            yield bytes(gathered)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Turn what a datastore answers into the errors of places."""
    try:
        yield
    except datastore_files.DatastoreFileGone as error:
        raise SourceGone(str(error)) from error
    except datastore_files.DatastoreFileChanged as error:
        raise SourceChanged(str(error)) from error
    except datastore_files.DatastoreFileBusy as error:
        raise FileBusy(str(error)) from error
    except datastore_files.DatastoreFull as error:
        raise NoSpace(str(error)) from error
    except datastore_files.PartialPutRefused as error:
        raise PartRefused(str(error)) from error
    except datastore_files.DatastoreFileRefused as error:
        raise PlaceFailed(str(error)) from error
