"""What really lies on the datastores, read from the simulated vCenter's own folder: nobody under test is asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

_EXTENT = re.compile(r'^RW \d+ \w+ "(?P<file>[^"]+)"', re.MULTILINE)
_PARENT = re.compile(r'^parentFileNameHint="(?P<file>[^"]+)"', re.MULTILINE)
_IS_DESCRIPTOR = b"# Disk DescriptorFile"


@dataclass(frozen=True)
class Files:
    """The datastores of the one datacenter, one folder each."""

    root: Path

    @cached_property
    def disks(self) -> dict[str, Path]:
        """Return every virtual disk's descriptor by its datastore path."""
        return {self.named(path): path for path in self._vmdks() if _is_descriptor(path)}

    @cached_property
    def machines(self) -> set[str]:
        """Return every VM's configuration."""
        return {self.named(path) for path in self.root.rglob("*.vmx")}

    def strays(self) -> list[str]:
        """Return what looks like a part of a disk and is none: nothing refers to it, or it refers to nothing."""
        extents = [extent for path in self.disks.values() for extent in _extents(path)]
        descriptors = set(self.disks.values())
        unused = [path for path in self._vmdks() if path not in descriptors and path not in extents]
        missing = [path for path in extents if not path.exists()]
        shared = [path for path, times in Counter(extents).items() if times > 1]
        return sorted({self.named(path) for path in [*unused, *missing, *shared]})

    def chain(self, path: str) -> list[str]:
        """Return a disk and what it stands on, itself first."""
        found = [path]
        while (parent := _PARENT.search(self._text(found[-1]))) is not None:
            hint = parent["file"]
            found.append(hint if hint.startswith("[") else f"{found[-1].rpartition('/')[0]}/{hint}")
        return found

    def digest(self, path: str) -> tuple[str, ...]:
        """Return the checksums of all bytes of a disk and of what it stands on."""
        return tuple(
            sha256(b"".join(extent.read_bytes() for extent in _extents(self.disks[it]))).hexdigest()[:12]
            for it in self.chain(path)
        )

    def named(self, path: Path) -> str:
        """Return the datastore path of a file."""
        datastore, *rest = path.relative_to(self.root).parts
        return f"[{datastore}] {'/'.join(rest)}"

    def _vmdks(self) -> Iterator[Path]:
        return self.root.rglob("*.vmdk")

    def _text(self, path: str) -> str:
        return self.disks[path].read_text(encoding="utf-8")


def _is_descriptor(file: Path) -> bool:
    with file.open("rb") as opened:  # extents may be large
        return opened.read(len(_IS_DESCRIPTOR)) == _IS_DESCRIPTOR


def _extents(descriptor: Path) -> list[Path]:
    return [descriptor.parent / found["file"] for found in _EXTENT.finditer(descriptor.read_text(encoding="utf-8"))]
