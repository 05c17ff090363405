"""Chunks and their digests: what a copy that is resumed relies on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.secondary.checksums import CHUNK_BYTES, ZEROS, Sums, chunk_count, chunk_end, digest_of, whole_chunks

pytestmark = pytest.mark.unit

SIZES = st.integers(0, 20 * CHUNK_BYTES)


@given(SIZES)
def test_the_chunks_of_a_file_lie_side_by_side_and_cover_it(size: int) -> None:
    ends = [chunk_end(number, size) for number in range(chunk_count(size))]
    begins = [0, *ends[:-1]] if ends else []
    assert begins == [number * CHUNK_BYTES for number in range(chunk_count(size))]
    assert all(0 < end - begin <= CHUNK_BYTES for begin, end in zip(begins, ends, strict=True))
    assert (ends[-1] if ends else 0) == size


@given(SIZES, st.integers(0, 20 * CHUNK_BYTES))
def test_a_chunk_is_whole_when_its_last_byte_is_there(size: int, copied: int) -> None:
    count = whole_chunks(copied, size)
    assert count == sum(chunk_end(number, size) <= copied for number in range(chunk_count(size)))


def test_zeros_are_known_without_being_looked_at() -> None:
    assert digest_of(ZEROS) == digest_of(bytes(CHUNK_BYTES)) == hashlib.sha256(bytes(CHUNK_BYTES)).digest()


def test_digests_are_kept_in_their_places(tmp_path: Path) -> None:
    path = tmp_path / "sums"
    with Sums(path) as sums:
        for number in (0, 1, 2, 1):  # written twice is written once
            sums.put(number, digest_of(b"%d" % number))
    with Sums(path) as sums:
        assert len(sums) == 3
        assert [sums.get(number) for number in range(3)] == [digest_of(b"%d" % number) for number in range(3)]
        assert sums.whole(3) == hashlib.sha256(b"".join(digest_of(b"%d" % number) for number in range(3))).hexdigest()


def test_a_torn_digest_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "sums"
    with Sums(path) as sums:
        sums.put(0, digest_of(b"0"))
        sums.put(1, digest_of(b"1"))
    path.write_bytes(path.read_bytes()[:-1])
    with Sums(path) as sums:
        assert len(sums) == 1
        assert sums.get(0) == digest_of(b"0")
        with pytest.raises(IndexError):
            sums.get(1)
        with pytest.raises(IndexError):
            sums.whole(2)


def test_the_checksum_of_nothing_is_one_too(tmp_path: Path) -> None:
    with Sums(tmp_path / "sums") as sums:
        assert sums.whole(0) == hashlib.sha256().hexdigest()
