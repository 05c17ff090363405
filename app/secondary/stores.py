"""The stores: add one, list them, see how much room they have, choose one.

A store is a folder that every worker has mounted under the same path. When it is added a marker with the store's id is
written into it: a worker on which the path is an empty mount point, or something else, notices before it writes a byte.

A mount may hang for as long as its server is away. So no file of a store is touched within a transaction: a row that is
locked meanwhile would keep others waiting, until PostgreSQL took the lock back (`app.db.SILENCE_SECONDS`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy.exc import IntegrityError

from app.access.audit import Action, record
from app.db import transaction
from app.errors import InvalidParameter, NotFound, ResourceInUse
from app.secondary import queries
from app.secondary.errors import NoSpace, StoreUnusable
from app.secondary.models import SecondaryStore

FOLDER = "vrelocate"
"""What is ours below a store's path; nothing else is ever looked at."""
_MARKER = "store-id"


@dataclass(frozen=True)
class Room:
    """A store's room, as this process sees it."""

    total_bytes: int
    free_bytes: int
    """What the file system has left for us."""
    reserved_bytes: int
    """What transfers that are under way are still going to write."""

    @property
    def available_bytes(self) -> int:
        """What a new transfer may take."""
        return max(0, self.free_bytes - self.reserved_bytes)


def add_store(name: str, path: Path) -> UUID:
    """Mark a folder as a store, and keep it under `name`; returns its id.

    Raises `InvalidParameter` when name or path are taken, or the path is not absolute; `StoreUnusable` when the folder
    is not there, cannot be written, or is the store of another installation.
    """
    path = Path(os.path.normpath(path))
    if not path.is_absolute():
        raise InvalidParameter(f"{path} is no absolute path: every worker must find the store under the same one")
    for known in list_stores():
        if known.name == name or known.path == str(path):
            raise InvalidParameter(f"there is a secondary store {known.name} at {known.path} already")
    store = SecondaryStore(id=uuid4(), name=name, path=str(path))
    # First, so that no store is kept that has no marker: nobody could use it.
    _mark(store)
    try:
        with transaction() as session:
            session.add(store)
            record(session, Action.ADD_STORE, ("SecondaryStore", store.id), name=name, path=str(path))
    except IntegrityError:
        _unmark(store)
        raise InvalidParameter(f"somebody has just added a secondary store {name}, or one at {path}") from None
    except BaseException:
        _unmark(store)
        raise
    return store.id


def list_stores() -> list[SecondaryStore]:
    """Return every store, by name."""
    with transaction() as session:
        return list(queries.stores(session))


def remove_store(name: str) -> None:
    """Forget a store on which no transfer has left anything; its marker is removed, if it can be.

    Raises `NotFound`, naming those that exist, and `ResourceInUse`.
    """
    with transaction() as session:
        store = queries.store_by_name(session, name)
        if store is None:
            known = ", ".join(it.name for it in queries.stores(session)) or "none yet: `vrelocate secondary add`"
            raise NotFound(f"there is no secondary store {name!r}; known: {known}")
        uncleared = queries.uncleared_transfers(session, store.id)
        if uncleared:
            raise ResourceInUse(f"{uncleared} transfers have their files on {name}: wait until they are over")
        queries.forget_transfers_through(session, store.id)
        session.delete(store)
        record(session, Action.REMOVE_STORE, ("SecondaryStore", store.id), name=name)
    _unmark(store)


def folder_of(store: SecondaryStore) -> Path:
    """Return our folder on the store; raises `StoreUnusable` when it is not what it should be on this machine."""
    found = _marked_as(store)
    if found is None:
        raise StoreUnusable(
            f"secondary store {store.name} is not at {store.path} on this machine: mount it there, as everywhere else"
        )
    if found != store.id:
        raise StoreUnusable(f"{store.path} is another secondary store than {store.name}: see what is mounted there")
    folder = Path(store.path) / FOLDER
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise StoreUnusable(f"this user may not write to secondary store {store.name} at {folder}")
    return folder


def room_of(store: SecondaryStore, *, besides: UUID | None = None) -> Room:
    """Return a store's room; what the transfer `besides` is going to write is not counted as reserved.

    Raises `StoreUnusable` when it is not mounted here.
    """
    with transaction() as session:
        reserved = queries.reserved_bytes(session, besides=besides)
    return _room(store, reserved)


def choose(needed_bytes: int) -> UUID:
    """Return the store with the most room, which `needed_bytes` fit into.

    Two that choose at the same time may choose the same room: the carrier looks again before it begins. Raises
    `StoreUnusable` when there is no store that is mounted here, `NoSpace` when none has so much room.
    """
    rooms = list_rooms()
    available = {store.id: room.available_bytes for store, room in rooms if isinstance(room, Room)}
    if not available:
        troubles = "; ".join(room for _, room in rooms if isinstance(room, str))
        raise StoreUnusable(troubles or "no secondary store is known: `vrelocate secondary add` adds one")
    best = max(available, key=available.__getitem__)
    if available[best] < needed_bytes:
        told = ", ".join(f"{available[store.id]} on {store.name}" for store, _ in rooms if store.id in available)
        raise NoSpace(f"{needed_bytes} bytes fit on no secondary store; available: {told}")
    return best


def seen_here() -> tuple[dict[UUID, SecondaryStore], dict[str, str]]:
    """Return the stores that are mounted on this machine, and why each of the others, by name, is not usable."""
    usable, missing = {}, {}
    for store in list_stores():
        try:
            folder_of(store)
        except StoreUnusable as trouble:
            missing[store.name] = str(trouble)
        else:
            usable[store.id] = store
    return usable, missing


def list_rooms() -> list[tuple[SecondaryStore, Room | str]]:
    """Return every store with its room, or with why this machine cannot tell."""
    with transaction() as session:
        stores, reserved = queries.stores(session), queries.reserved_bytes(session)
    return [(store, _room_or_trouble(store, reserved)) for store in stores]


def _room_or_trouble(store: SecondaryStore, reserved: Mapping[UUID, int]) -> Room | str:
    try:
        return _room(store, reserved)
    except StoreUnusable as trouble:
        return str(trouble)


def _room(store: SecondaryStore, reserved: Mapping[UUID, int]) -> Room:
    seen = os.statvfs(folder_of(store))
    return Room(
        total_bytes=seen.f_blocks * seen.f_frsize,
        free_bytes=seen.f_bavail * seen.f_frsize,
        reserved_bytes=reserved.get(store.id, 0),
    )


def _marker(store: SecondaryStore) -> Path:
    return Path(store.path) / FOLDER / _MARKER


def _marked_as(store: SecondaryStore) -> UUID | None:
    """Return the id that is written on the store; `None` when there is none that can be read."""
    try:
        return UUID(_marker(store).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None


def _unmark(store: SecondaryStore) -> None:
    """Remove the marker, if it is this store's and can be removed; one that stays is told of when it is in the way."""
    with suppress(OSError):
        if _marked_as(store) == store.id:
            _marker(store).unlink()


def _mark(store: SecondaryStore) -> None:
    path = Path(store.path)
    if not path.is_dir():
        raise StoreUnusable(f"{path} is no folder on this machine: mount the store there first")
    folder = path / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        # "x": of two installations that add one folder at once, one wins.
        with _marker(store).open("x", encoding="ascii") as marker:
            marker.write(f"{store.id}\n")
            marker.flush()
            os.fsync(marker.fileno())
    except FileExistsError:
        raise StoreUnusable(
            f"{folder} belongs to another installation, or to a store that was forgotten: "
            f"when nobody uses it, remove {_marker(store)} and add it again"
        ) from None
    except OSError as error:
        raise StoreUnusable(f"{folder} cannot be written: {error.strerror}") from error
