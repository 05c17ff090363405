"""What can go wrong on the way through secondary storage; each knows what it means for another try (law 8).

StoreUnusable      534  retry_when_changed  the store is not mounted here, cannot be written, or is another's
NoSpace            533  retry_when_changed  the store or a target is full
SourceGone         431  permanent           a source is not there
SourceChanged      536  retry               a source was written while it was being carried
TargetExists       431  permanent           a file that is not ours is where a target is to be
FileBusy           536  retry               somebody has the file open, or works on it
CarriedOtherwise   530  retry               what was read back is not what was read from the source
PlaceFailed        530  retry               the place refuses, or fails, in a way that has no other name
Abandoned          530  cancelled           somebody asked for the transfer to stop

The name of the class is the fault's name in the job's record.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from app.errors import VrelocateError
from app.vsphere.facts import FaultClass

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class CarryError(VrelocateError):
    """Base of these errors."""

    fault_class: ClassVar[FaultClass] = FaultClass.RETRY
    passing: ClassVar[bool] = False
    """A carrier tries by itself a few times before it gives the transfer up."""


class StoreUnusable(CarryError):
    """A store's folder is not what it should be on this worker."""

    code = 534
    fault_class = FaultClass.RETRY_WHEN_CHANGED


class NoSpace(CarryError):
    """There is no room left."""

    code = 533
    fault_class = FaultClass.RETRY_WHEN_CHANGED


class SourceGone(CarryError):
    """A source is not there."""

    code = 431
    fault_class = FaultClass.PERMANENT


class SourceChanged(CarryError):
    """A source is not any more what it was when its copy began."""

    code = 536


class TargetExists(CarryError):
    """Something is where a target is to be; nothing is ever overwritten."""

    code = 431
    fault_class = FaultClass.PERMANENT


class FileBusy(CarryError):
    """A file is in use."""

    code = 536
    passing = True


class CarriedOtherwise(CarryError):
    """Checksums do not agree."""


class PlaceFailed(CarryError):
    """A place answers with an error that says nothing of whether another try helps."""

    passing = True


class Abandoned(CarryError):
    """The transfer was asked to stop."""

    fault_class = FaultClass.CANCELLED


class PartRefused(CarryError):
    """A place does not let a file be written from its middle on: it has to be written anew."""


@contextmanager
def file_errors(path: str) -> Iterator[None]:
    """Turn what an operating system says of the file `path` into these errors."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise NoSpace(f"no room is left for {path}: {error.strerror}") from error
        raise PlaceFailed(f"{path}: {error.strerror or error}") from error
