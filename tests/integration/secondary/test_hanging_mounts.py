"""A mount that hangs: it keeps nobody from the database, and what happens late when it is back does no harm."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from app.db import engine
from app.secondary import leftovers
from app.secondary.checksums import CHUNK_BYTES
from app.secondary.copying import Copy
from app.secondary.models import TransferPhase
from app.secondary.stores import add_store, choose, list_rooms, list_stores, remove_store
from tests.integration.jobs import rows
from tests.integration.secondary.orders import Ordered, carried, content, digest, in_folder, next_attempt, order

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 60
SIZE = CHUNK_BYTES + 1000


@dataclass
class Watch:
    """Who touches files below a folder, and whether the same thread has a connection to the database meanwhile."""

    root: Path
    on: bool = False
    seen: set[str] = field(default_factory=set)
    within_transactions: list[str] = field(default_factory=list)
    connections: threading.local = field(default_factory=threading.local)

    def touched(self, what: str, path: object) -> None:
        if self.on and isinstance(path, str | os.PathLike) and Path(path).is_relative_to(self.root):
            self.seen.add(what)
            if getattr(self.connections, "taken", 0):
                self.within_transactions.append(f"{what} {path}")

    def taken(self, by: int) -> None:
        self.connections.taken = getattr(self.connections, "taken", 0) + by


_WATCHES: list[Watch] = []


def _audited(what: str, arguments: tuple[object, ...]) -> None:
    for watch in _WATCHES:
        for argument in arguments[:2] if what.startswith(("open", "os.", "shutil.")) else ():
            watch.touched(what, argument)


sys.addaudithook(_audited)  # for good: a hook of Python's cannot be taken away, so it asks who is watching


@pytest.fixture
def watch(mount: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    made = Watch(mount)

    def checkout(*_: object) -> None:
        made.taken(1)

    def checkin(*_: object) -> None:
        made.taken(-1)

    for name in ("statvfs", "stat", "access"):  # of which Python tells no hook
        monkeypatch.setattr(os, name, _told(made, name, getattr(os, name)))
    event.listen(engine(), "checkout", checkout)
    event.listen(engine(), "checkin", checkin)
    _WATCHES.append(made)
    yield made
    _WATCHES.remove(made)
    event.remove(engine(), "checkout", checkout)
    event.remove(engine(), "checkin", checkin)


def _told(watch: Watch, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(path: object, *arguments: object, **named: object) -> object:
        watch.touched(name, path)
        return real(path, *arguments, **named)

    return call


def test_no_transaction_is_open_while_a_store_is_touched(watch: Watch, mount: Path, pool: Path) -> None:
    """From a store's first day to its last."""
    (pool / "a").write_bytes(content(SIZE))
    watch.on = True
    store_id = add_store("nfs-1", mount)
    assert choose(SIZE) == store_id
    ordered = order(store_id, (in_folder(pool, "a"), in_folder(pool, "b"), SIZE))
    assert carried(ordered, store_id).phase is TransferPhase.DONE
    assert len(list_rooms()) == 1
    assert leftovers.strangers(list_stores()[0]) == []
    rows.end(ordered.job_id)
    assert leftovers.sweep() == 1
    remove_store("nfs-1")
    watch.on = False
    assert {"open", "statvfs", "access", "os.mkdir", "os.rename", "os.remove", "shutil.rmtree"} <= watch.seen
    assert watch.within_transactions == []


def test_a_failed_transfer_touches_none_either(
    watch: Watch, mount: Path, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_id = add_store("nfs-1", mount)
    ordered = ordered_in(store_id, pool)
    monkeypatch.setattr(Copy, "_compare", fails)
    watch.on = True
    assert carried(ordered, store_id).phase is TransferPhase.FAILED
    watch.on = False
    assert [path.name for path in (mount / "vrelocate").iterdir()] == ["store-id"]
    assert "os.rename" in watch.seen
    assert watch.within_transactions == []


def test_a_removal_that_comes_late_takes_nothing_away_from_the_next_attempt(
    mount: Path, store_id: UUID, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its carrier has said that the transfer failed, and hangs in the rename until the next one is being carried."""
    hangs, goes_on = threading.Event(), threading.Event()
    rename, uploads = Path.rename, Copy._upload

    def hanging(self: Path, target: Path) -> Path:
        hangs.set()
        assert goes_on.wait(DEADLINE_SECONDS)
        return rename(self, target)

    first = ordered_in(store_id, pool)
    with monkeypatch.context() as patch:
        patch.setattr(Copy, "_compare", fails)
        patch.setattr(Path, "rename", hanging)
        carrier = threading.Thread(target=carried, args=(first, store_id))
        carrier.start()
        assert hangs.wait(DEADLINE_SECONDS)
    assert first.state.phase is TransferPhase.FAILED
    next_attempt(first.job_id)
    second = ordered_in(store_id, pool, first.job_id)

    def upload(self: Copy, file: Any) -> None:  # noqa: ANN401  # a file's record
        """Half-way, the mount answers the first one's carrier."""
        goes_on.set()
        carrier.join(DEADLINE_SECONDS)
        assert [path.name for path in (mount / "vrelocate").iterdir() if path.is_dir()] == [str(second.state.id)]
        uploads(self, file)

    monkeypatch.setattr(Copy, "_upload", upload)
    assert carried(second, store_id).phase is TransferPhase.DONE
    assert digest((pool / "moved" / "a").read_bytes()) == digest(content(SIZE))


def ordered_in(store_id: UUID, pool: Path, job_id: UUID | None = None) -> Ordered:
    (pool / "a").write_bytes(content(SIZE))
    return order(store_id, (in_folder(pool, "a"), in_folder(pool, "moved/a"), SIZE), job_id=job_id)


def fails(*_arguments: object) -> None:
    raise RuntimeError("a defect")
