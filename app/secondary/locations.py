"""Where a file is, and what is to be carried: plain values, kept as JSON with a transfer."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter


def _within(path: str) -> str:
    """Refuse a path that is empty, absolute, or climbs out of where it begins."""
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in path or path.endswith("/"):
        raise ValueError(f"{path!r} is no path of a file below its datastore or folder")
    return path


def _absolute(path: str) -> str:
    if not PurePosixPath(path).is_absolute():
        raise ValueError(f"{path!r} is no absolute path of a folder")
    return path


Within = Annotated[str, AfterValidator(_within)]
"""A file's path relative to its root: `vm-01/vm-01.vmx`."""


class _Location(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatastoreLocation(_Location):
    """A file on a datastore of a vCenter."""

    kind: Literal["datastore"] = "datastore"
    vcenter_id: UUID
    datacenter_path: str
    """Inventory path of the datacenter, `dc1` or `folder/dc1` (`app.vsphere.datastore_listing.datacenter_path`)."""
    datastore: str
    path: Within

    def __str__(self) -> str:
        return f"[{self.datastore}] {self.path}"


class FolderLocation(_Location):
    """A file below a folder that every worker has mounted: a KVM file pool."""

    kind: Literal["folder"] = "folder"
    root: Annotated[str, AfterValidator(_absolute)]
    """Where it is mounted; it is never made by us."""
    path: Within

    def __str__(self) -> str:
        return f"{self.root}/{self.path}"


Location = Annotated[DatastoreLocation | FolderLocation, Field(discriminator="kind")]
_LOCATION: TypeAdapter[DatastoreLocation | FolderLocation] = TypeAdapter(Location)


def location_from_json(document: dict[str, object]) -> DatastoreLocation | FolderLocation:
    """Read what `model_dump(mode="json")` wrote."""
    return _LOCATION.validate_python(document)


class Parcel(BaseModel):
    """One file that is to be carried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Location
    target: Location
    size_bytes: int = Field(ge=0)
    """As far as is known: room for it is kept on secondary storage until its true size has been read."""
