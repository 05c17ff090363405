"""What lies in a file pool: its room, and every disk image below its folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import InvalidParameter, ResourceUnavailable
from app.filepools.images import SUFFIXES, Image, read_image

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageFile:
    """A disk image in a pool."""

    path: str
    """Relative to the pool's folder: `web/root.qcow2`."""
    image: Image


@dataclass(frozen=True)
class Room:
    """A pool's file system."""

    capacity_bytes: int
    free_bytes: int
    """What is left for us."""


def room_of(root: Path) -> Room:
    """Return a pool's room; raises `ResourceUnavailable` when it is not mounted on this machine."""
    try:
        # An empty mount point is a folder too: what says that a pool is there is what it was when it was added.
        seen = os.statvfs(root)
    except OSError as error:
        raise ResourceUnavailable(f"{root} cannot be looked at on this machine: {error.strerror}") from error
    return Room(seen.f_blocks * seen.f_frsize, seen.f_bavail * seen.f_frsize)


def images_in(root: Path) -> list[ImageFile]:
    """Return every disk image below a pool's folder, by path; what cannot be read is left out, and logged.

    Links are not followed, and what begins with a dot is nobody's business. Raises `ResourceUnavailable` when the
    folder itself cannot be listed.
    """
    found = []
    for path in sorted(_files_below(root)):
        try:
            found.append(ImageFile(str(path.relative_to(root)), read_image(path)))
        except (OSError, InvalidParameter) as trouble:
            log.warning("a disk image is left out: %s", trouble)
    return found


def image_at(root: Path, path: str) -> Image | None:
    """Return the image at exactly that place; `None` when there is none."""
    try:
        return read_image(root / path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResourceUnavailable(f"{root / path} cannot be read on this machine: {error.strerror}") from error


def _files_below(root: Path) -> Iterator[Path]:
    try:
        entries = list(os.scandir(root))
    except OSError as error:
        raise ResourceUnavailable(f"{root} cannot be listed on this machine: {error.strerror}") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
        elif entry.is_file(follow_symlinks=False) and entry.name.endswith(SUFFIXES):
            yield Path(entry.path)
