"""What an image's header tells: a qcow2's own size and what it stands on; everything else is raw."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidParameter
from app.filepools.images import ImageFormat, is_open_by_qemu, read_image
from app.filepools.pools import image_at, images_in

pytestmark = pytest.mark.unit

GIB = 2**30


def qcow2(capacity: int, *, version: int = 3, backing: bytes = b"", encryption: int = 0) -> bytes:
    """The beginning of an image, as its specification has it."""
    name_at = 104 if backing else 0
    header = struct.pack(">4sIQIIQI", b"QFI\xfb", version, name_at, len(backing), 16, capacity, encryption)
    return header.ljust(104, b"\0") + backing + b"\0" * 400


@given(st.integers(0, 2**62))
def test_a_qcow2_tells_its_size(tmp_path_factory: pytest.TempPathFactory, capacity: int) -> None:
    path = tmp_path_factory.getbasetemp() / "size.qcow2"
    path.write_bytes(qcow2(capacity))
    image = read_image(path)
    assert (image.format, image.capacity_bytes, image.backing_file) == (ImageFormat.QCOW2, capacity, None)


def test_an_overlay_tells_what_it_stands_on(tmp_path: Path) -> None:
    path = tmp_path / "overlay.qcow2"
    path.write_bytes(qcow2(GIB, version=2, backing=b"base.qcow2"))
    assert read_image(path).backing_file == "base.qcow2"


def test_an_encrypted_one_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.qcow2"
    path.write_bytes(qcow2(GIB, encryption=2))
    assert read_image(path).encrypted


def test_anything_else_is_raw_and_as_long_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "data.raw"
    with path.open("wb") as file:
        file.truncate(GIB)
    image = read_image(path)
    assert (image.format, image.capacity_bytes) == (ImageFormat.RAW, GIB)
    assert image.physical_bytes < GIB, "holes take no room"


@pytest.mark.parametrize("content", [b"QFI\xfb\0\0", qcow2(GIB, version=9), qcow2(GIB, backing=b"x" * 2000)])
def test_one_that_lies_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.qcow2"
    path.write_bytes(content)
    with pytest.raises(InvalidParameter):
        read_image(path)


def test_a_pool_shows_its_images_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / ".trash").mkdir()
    for name in ("a.raw", "web/b.qcow2", "web/notes.txt", ".trash/c.raw"):
        (tmp_path / name).write_bytes(qcow2(GIB) if name.endswith("qcow2") else b"x")
    (tmp_path / "broken.qcow2").write_bytes(b"QFI\xfb")
    (tmp_path / "link.raw").symlink_to(tmp_path / "a.raw")
    assert [file.path for file in images_in(tmp_path)] == ["a.raw", "web/b.qcow2"]
    assert image_at(tmp_path, "missing.raw") is None


def test_an_image_that_a_qemu_has_open_is_noticed(tmp_path: Path) -> None:
    """QEMU locks bytes from 100 on, shared, by open file description (block/file-posix.c)."""
    path = tmp_path / "running.raw"
    path.write_bytes(b"x" * 1000)
    assert not is_open_by_qemu(path)
    with path.open("r+b") as file:
        lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 101, 1, 0)
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, lock)
        assert is_open_by_qemu(path)
    assert not is_open_by_qemu(path)
