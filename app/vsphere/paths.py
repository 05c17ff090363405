"""Datastore paths, `[datastore] folder/file`."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

_PATH = re.compile(r"\[(?P<datastore>.*?)\](?:[\s/]+(?P<file>.*))?", re.DOTALL)
"""A datastore's name may hold brackets itself; what ends it is a bracket before a blank. (vcsim writes a slash.)"""


@dataclass(frozen=True, slots=True)
class DatastorePath:
    """A place on a datastore; `file` is relative to its root and has no slash at either end."""

    datastore: str
    file: str

    @classmethod
    def parse(cls, text: str) -> DatastorePath | None:
        """Read a path as vSphere writes it; None for what is none (`/vmfs/volumes/…`, an empty string)."""
        match = _PATH.fullmatch(text)
        return None if match is None else cls(match["datastore"], (match["file"] or "").strip("/"))

    @property
    def folder(self) -> DatastorePath:
        """The folder that it is in."""
        return DatastorePath(self.datastore, posixpath.dirname(self.file))

    @property
    def name(self) -> str:
        """The last part."""
        return posixpath.basename(self.file)

    def __str__(self) -> str:
        return f"[{self.datastore}] {self.file}" if self.file else f"[{self.datastore}]"

    def __truediv__(self, name: str) -> DatastorePath:
        return DatastorePath(self.datastore, posixpath.join(self.file, name) if self.file else name)


def datastore_of(path: str) -> str | None:
    """Return the datastore's name in a path; None for what is no datastore path."""
    parsed = DatastorePath.parse(path)
    return None if parsed is None else parsed.datastore
