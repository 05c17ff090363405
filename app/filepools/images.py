"""Disk images: what a file's own header tells (qcow2), and what its file system does (raw).

The format of qcow2 headers is specified by QEMU (interop/qcow2.txt of its documentation): all numbers are big-endian.
"""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.errors import InvalidParameter

SUFFIXES = (".qcow2", ".raw", ".img")
"""What the names of disk images end in; other files in a pool are none."""

_QCOW_MAGIC = b"QFI\xfb"
_QCOW2_HEADER = struct.Struct(">4sIQIIQI")
"""magic, version, backing file's offset and size, cluster bits, virtual size, encryption method."""
_LONGEST_NAME_BYTES = 1023
_STAT_BLOCK_BYTES = 512

_LOCKED_FROM, _LOCKED_BYTES = 100, 200
"""Bytes that QEMU locks on an image it has open: permissions from 100, what it shares from 200 (block/file-posix.c)."""
_FLOCK = struct.Struct("hhqqi4x")
"""struct flock of 64-bit Linux: type, whence, start, length, pid."""


class ImageFormat(StrEnum):
    """What is in a file."""

    QCOW2 = "qcow2"
    RAW = "raw"


@dataclass(frozen=True)
class Image:
    """A disk image."""

    format: ImageFormat
    capacity_bytes: int
    """What the guest sees."""
    physical_bytes: int
    """What it takes of its file system."""
    backing_file: str | None = None
    """The image that it is an overlay of, as its header names it."""
    encrypted: bool = False


def read_image(path: Path) -> Image:
    """Return what an image says of itself; raises `InvalidParameter` for one that lies, `OSError` where none is."""
    with path.open("rb") as file:
        seen = os.fstat(file.fileno())
        physical_bytes = seen.st_blocks * _STAT_BLOCK_BYTES
        header = file.read(_QCOW2_HEADER.size)
        if not header.startswith(_QCOW_MAGIC):
            return Image(ImageFormat.RAW, seen.st_size, physical_bytes)
        if len(header) < _QCOW2_HEADER.size:
            raise InvalidParameter(f"{path} begins as a qcow2 image, and ends within its header")
        _, version, name_at, name_bytes, _, capacity_bytes, encryption = _QCOW2_HEADER.unpack(header)
        if version not in {2, 3} or name_bytes > _LONGEST_NAME_BYTES:
            raise InvalidParameter(f"{path} is no qcow2 image of version 2 or 3")
        backing_file = None
        if name_at and name_bytes:
            file.seek(name_at)
            backing_file = file.read(name_bytes).decode(errors="replace")
    return Image(ImageFormat.QCOW2, capacity_bytes, physical_bytes, backing_file, encrypted=encryption != 0)


def is_open_by_qemu(path: Path) -> bool:
    """Say whether a QEMU has the image open: it locks some of its bytes as long as it does.

    Over a network file system this is known as far as that passes locks on (NFSv4 does).
    """
    with path.open("rb") as file:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _LOCKED_FROM, _LOCKED_BYTES, 0)
        answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, asked)
    kind: int = _FLOCK.unpack(answer)[0]
    return kind != fcntl.F_UNLCK
