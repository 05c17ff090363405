"""The resumable copy: sources → secondary storage → targets, and every target read back.

What is there is found out from the bytes, never from memory: on secondary storage each chunk's SHA-256 is written after
the chunk, so that a copy goes on behind the last chunk whose bytes still have it; at a target the length says how far
the upload came, and the last whole chunk is read back. A crash at any byte costs that byte's chunk, and one read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from sqlalchemy.orm import Session

from app.db import transaction
from app.errors import ResourceUnavailable
from app.secondary import queries
from app.secondary.access import Places
from app.secondary.checksums import CHUNK_BYTES, Sums, chunk_count, chunk_end, digest_of, whole_chunks
from app.secondary.errors import (
    CarriedOtherwise,
    CarryError,
    FileBusy,
    NoSpace,
    PartRefused,
    PlaceFailed,
    SourceChanged,
    SourceGone,
    TargetExists,
    file_errors,
)
from app.secondary.folders import FolderPlace
from app.secondary.hold import Hold
from app.secondary.models import FileState, SecondaryStore, TransferFile, TransferPhase
from app.secondary.places import Place
from app.secondary.stores import folder_of, room_of

_TRIES = 6
"""So often a place may fail before the transfer does, without a byte of progress in between."""
_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


def local_name(file: TransferFile) -> str:
    """Return what a file is called in its transfer's folder on secondary storage: `2-vm-01-flat.vmdk`."""
    name = PurePosixPath(str(file.source["path"])).name
    # Names may be as long as a file system takes them, and some bytes go to the number and to ".sha256".
    return f"{file.number}-{name.encode()[:200].decode(errors='ignore')}"


class Copy:
    """One run of a transfer, by whoever holds it."""

    def __init__(self, hold: Hold, store: SecondaryStore, places: Places) -> None:
        """Raise `StoreUnusable` when the store is not mounted here."""
        self._hold = hold
        self._store = store
        self._places = places
        self._folder = folder_of(store) / str(hold.transfer.id)
        with file_errors(str(self._folder)):
            self._folder.mkdir(mode=0o700, exist_ok=True)
        self._local = FolderPlace(self._folder, hold.check)

    def run(self) -> None:
        """Carry every file as far as it goes; returns when all of them are equal, and no source has changed.

        Raises a `CarryError` when it cannot be done, what `Hold.check` raises when it is to stop.
        """
        files = self._hold.files
        for file in files:
            self._persist(file, self._measure)
        self._persist(files[0], self._require_room)
        for phase, step, before in (
            (TransferPhase.DOWNLOADING, self._download, FileState.WAITING),
            (TransferPhase.UPLOADING, self._upload, FileState.DOWNLOADED),
            (TransferPhase.COMPARING, self._compare, FileState.UPLOADED),
        ):
            left = [file for file in files if file.state is before]
            if left:
                self._hold.enter(phase)
            for file in left:
                self._persist(file, step)
        for file in files:
            self._persist(file, self._require_unchanged)

    def _persist(self, file: TransferFile, step: Callable[[TransferFile], None]) -> None:
        """Do a step until it is done: again and again while something does not answer, a few times when it fails."""
        tries, reached = 0, -1
        pause = _PAUSE_SECONDS
        while True:
            self._hold.check()
            try:
                step(file)
            except ResourceUnavailable as away:
                trouble: Exception = away
            except CarryError as error:
                far = file.downloaded_bytes + file.uploaded_bytes + file.compared_bytes
                tries, reached = (0, far) if far > reached else (tries + 1, reached)
                if not error.passing or tries >= _TRIES:
                    raise
                trouble = error
            else:
                return
            self._hold.waits_for(str(trouble))
            self._hold.wait(pause)
            self._hold.waits_for(None)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _measure(self, file: TransferFile) -> None:
        """Look at a source for the first time."""
        if file.source_version is not None:
            return
        source, path = self._places.at(file.source)
        seen = source.stat(path)
        if seen is None:
            raise SourceGone(f"{path} is not there any more")
        self._hold.save(file, size_bytes=seen.size_bytes, source_version=seen.version or "")

    def _require_room(self, _file: TransferFile) -> None:
        missing = sum(file.size_bytes - file.downloaded_bytes for file in self._hold.files)
        room = room_of(self._store, besides=self._hold.transfer.id)
        if missing > room.available_bytes:
            raise NoSpace(
                f"{missing} bytes do not fit on secondary store {self._store.name}: "
                f"{room.free_bytes} are free, {room.reserved_bytes} of them are reserved"
            )

    # -- source → secondary storage ----------------------------------------------------------------------------------

    def _download(self, file: TransferFile) -> None:
        self._require_unchanged(file)
        source, path = self._places.at(file.source)
        name = local_name(file)
        with Sums(self._sums_path(name)) as sums:
            begin = self._whole(self._local, name, file.size_bytes, sums)
            offset = chunk_end(begin - 1, file.size_bytes) if begin else 0
            if offset < file.size_bytes or self._local.stat(name) is None:
                with source.reading(path, offset=offset, version=file.source_version or None) as chunks:
                    arriving = self._noted(file, sums, begin, chunks)
                    self._hold.save(file, downloaded_bytes=offset)
                    self._local.write(name, arriving, offset=offset, size_bytes=file.size_bytes)
            checksum = sums.whole(chunk_count(file.size_bytes))
        # Only now is it sure that all of it is of one version.
        self._require_unchanged(file)
        self._hold.save(file, downloaded_bytes=file.size_bytes, checksum=checksum, state=FileState.DOWNLOADED)

    def _noted(self, file: TransferFile, sums: Sums, number: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Hand on what arrives; when the next chunk is asked for, the one before is durable, and gets its digest."""
        for chunk in chunks:
            if number >= chunk_count(file.size_bytes):
                raise SourceChanged(f"{file.source['path']} became longer while it was being read")
            self._hold.save(file, downloaded_bytes=number * CHUNK_BYTES)
            yield chunk
            sums.put(number, digest_of(chunk))
            number += 1

    # -- secondary storage → target ----------------------------------------------------------------------------------

    def _upload(self, file: TransferFile) -> None:
        target, path = self._places.at(file.target)
        name, size = local_name(file), file.size_bytes
        with Sums(self._sums_path(name)) as sums:
            begin = 0
            if file.upload_begun:
                begin = self._whole(target, path, size, sums)
            else:
                self._make_ours(file, target, path)
            # Anew when the place writes files from their beginning only, or took the rest for the whole.
            for offset in (chunk_end(begin - 1, size) if begin else 0, 0):
                if offset < size or not _is_whole(target, path, size):
                    self._hold.save(file, uploaded_bytes=offset)
                    try:
                        target.write(path, self._sent(file, sums, offset), offset=offset, size_bytes=size)
                    except PartRefused:
                        continue
                if _is_whole(target, path, size):
                    self._hold.save(file, uploaded_bytes=size, state=FileState.UPLOADED)
                    return
        raise PlaceFailed(f"{path} was written, and is not {size} bytes long")

    def _make_ours(self, file: TransferFile, target: Place, path: str) -> None:
        """Write down that what will lie at the target is ours; refuse to when something is there that is not."""
        if target.stat(path) is not None:
            with transaction() as session:
                ours = queries.was_begun_before(session, self._hold.transfer, file)
            if not ours:
                raise TargetExists(f"{file.target['path']} is there already: nothing is overwritten")
        # Looked at before: what another transfer has put there since then is known from its records.
        self._hold.save(file, require=partial(self._require_nobody_else, file), upload_begun=True)

    def _require_nobody_else(self, file: TransferFile, session: Session) -> None:
        if queries.is_carried_by_another(session, self._hold.transfer, file):
            raise FileBusy(f"{file.target['path']} is the target of another transfer too: one after the other")

    def _sent(self, file: TransferFile, sums: Sums, offset: int) -> Iterator[bytes]:
        """Read from secondary storage, and check that it is what was written there."""
        number = offset // CHUNK_BYTES
        with self._local.reading(local_name(file), offset=offset) as chunks:
            for chunk in chunks:
                if digest_of(chunk) != sums.get(number):
                    raise CarriedOtherwise(
                        f"secondary store {self._store.name} has other bytes than were written: {local_name(file)}, "
                        f"from byte {number * CHUNK_BYTES} on"
                    )
                self._hold.save(file, uploaded_bytes=number * CHUNK_BYTES)
                yield chunk
                number += 1

    # -- target = source? --------------------------------------------------------------------------------------------

    def _compare(self, file: TransferFile) -> None:
        target, path = self._places.at(file.target)
        if not _is_whole(target, path, file.size_bytes):
            raise CarriedOtherwise(f"{path} was uploaded, and is not {file.size_bytes} bytes long any more")
        number = file.compared_bytes // CHUNK_BYTES
        with Sums(self._sums_path(local_name(file))) as sums:
            if sums.whole(chunk_count(file.size_bytes)) != file.checksum:
                raise CarriedOtherwise(f"the checksums of {path} on secondary store {self._store.name} were changed")
            if number < chunk_count(file.size_bytes):
                with target.reading(path, offset=number * CHUNK_BYTES) as chunks:
                    for chunk in chunks:
                        if digest_of(chunk) != sums.get(number):
                            raise CarriedOtherwise(
                                f"{path} is not what was read from its source, from byte {number * CHUNK_BYTES} on"
                            )
                        number += 1
                        self._hold.save(file, compared_bytes=chunk_end(number - 1, file.size_bytes))
        if number != chunk_count(file.size_bytes):
            raise PlaceFailed(f"{path} ended early when it was read back")
        self._hold.save(file, compared_bytes=file.size_bytes, state=FileState.EQUAL)

    # -- what is there -----------------------------------------------------------------------------------------------

    def _require_unchanged(self, file: TransferFile) -> None:
        source, path = self._places.at(file.source)
        seen = source.stat(path)
        if seen is None:
            raise SourceGone(f"{path} is not there any more")
        if (seen.size_bytes, seen.version or "") != (file.size_bytes, file.source_version):
            raise SourceChanged(f"{path} was changed while it was being copied; it is where it was")

    def _whole(self, place: Place, path: str, size_bytes: int, sums: Sums) -> int:
        """Return how many chunks of a file are surely at a place: the last of them is read and looked at."""
        seen = place.stat(path)
        there = 0 if seen is None or seen.size_bytes > size_bytes else seen.size_bytes
        count = min(len(sums), whole_chunks(there, size_bytes)) if there else 0
        while count:
            begin = (count - 1) * CHUNK_BYTES
            length = chunk_end(count - 1, size_bytes) - begin
            with place.reading(path, offset=begin, length=length) as chunks:
                chunk = next(chunks, b"")
            if digest_of(chunk) == sums.get(count - 1):
                return count
            count -= 1
        return 0

    def _sums_path(self, name: str) -> Path:
        return self._folder / f"{name}.sha256"


def _is_whole(place: Place, path: str, size_bytes: int) -> bool:
    seen = place.stat(path)
    return seen is not None and seen.size_bytes == size_bytes
