"""From a location to its place: connections are made when they are first needed, one a place, and closed together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from app.db import Json, transaction
from app.inventory.vcenters import endpoint_of
from app.secondary.folders import FolderPlace
from app.secondary.locations import DatastoreLocation, FolderLocation, location_from_json
from app.secondary.places import DatastorePlace, Place
from app.settings import settings
from app.vsphere.datastore_files import DatastoreFiles


class Places:
    """The places of one transfer, for one thread."""

    def __init__(self, alive: Callable[[], None] = lambda: None) -> None:
        """Call `alive` with every piece of content that is read; it raises to stop."""
        self._alive = alive
        self._open: dict[str, Place] = {}

    def __enter__(self) -> Self:
        """Use them for a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of every connection."""
        for place in self._open.values():
            place.close()

    def at(self, location: Json) -> tuple[Place, str]:
        """Return the place of a location that is kept as JSON, and the file's path there.

        Raises `StoreUnusable` for a folder that this worker does not have, `NotFound` for a vCenter that is not known.
        """
        where = location_from_json(location)
        # A location but for its path is its place.
        key = where.model_dump_json(exclude={"path"})
        if key not in self._open:
            self._open[key] = self._opened(where)
        return self._open[key], where.path

    def _opened(self, where: DatastoreLocation | FolderLocation) -> Place:
        if isinstance(where, FolderLocation):
            return FolderPlace(Path(where.root), self._alive)
        return self._datastore(where)

    def _datastore(self, where: DatastoreLocation) -> DatastorePlace:
        with transaction() as session:
            endpoint = endpoint_of(session, where.vcenter_id)
        files = DatastoreFiles(endpoint, settings().vcenter_call_timeout_seconds)
        return DatastorePlace(files, where.datacenter_path, where.datastore, self._alive)
