"""Carriers: one at a time has a transfer, whoever died is replaced, and who is asked to stop stops."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from app.db import transaction
from app.errors import LostLease
from app.jobs import outside
from app.jobs.outside import Ending
from app.jobs.states import TaskState
from app.secondary.carry import carry
from app.secondary.checksums import CHUNK_BYTES
from app.secondary.copying import Copy
from app.secondary.errors import Abandoned
from app.secondary.hold import Hold, take
from app.secondary.models import TransferPhase
from app.secondary.transfers import abandon
from tests.integration.residing import alive
from tests.integration.secondary.dying import die_carrying
from tests.integration.secondary.orders import (
    Datastores,
    Ordered,
    carried,
    content,
    digest,
    in_folder,
    lapse,
    order,
    taken,
)
from tests.running.waiting import until
from workers.carry import CarryStep

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 60
SIZE = 3 * CHUNK_BYTES
DATA = content(SIZE)


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "VRELOCATE_LEASE_SECONDS": "3"}


@pytest.fixture
def ordered(store_id: UUID, pool: Path) -> Ordered:
    """From one folder of a pool to another."""
    (pool / "a.raw").write_bytes(DATA)
    return order(store_id, (in_folder(pool, "a.raw"), in_folder(pool, "b.raw"), SIZE))


class Pause:
    """Has a carrier stand still in the midst of an upload, until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.on = threading.Event(), threading.Event()
        real = Copy._sent

        def sent(copy: Copy, *arguments: object) -> Iterator[bytes]:
            for chunk in real(copy, *arguments):  # type: ignore[arg-type]  # whatever it is called with
                if copy._hold.owner == "paused":
                    self.reached.set()
                    assert self.on.wait(DEADLINE_SECONDS)
                yield chunk

        monkeypatch.setattr(Copy, "_sent", sent)


@contextmanager
def carrying(hold: Hold) -> Iterator[threading.Thread]:
    """Let a carrier work beside the test, to its end."""
    thread = threading.Thread(target=carry, args=(hold,))
    thread.start()
    try:
        yield thread
    finally:
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()


def test_what_one_carries_no_other_takes(ordered: Ordered, store_id: UUID) -> None:
    first = taken(store_id, "first")
    assert take("second", [store_id], threading.Event()) is None
    lapse(ordered)
    second = taken(store_id, "second")
    with pytest.raises(LostLease):
        first.save(first.files[0], downloaded_bytes=1)
    with pytest.raises(LostLease):
        first.settle(Ending(TaskState.SUCCESS))
    assert ordered.state.bytes_done == 0
    second.save(second.files[0], downloaded_bytes=1)
    assert ordered.task.settled_at is None


def test_a_store_that_is_not_here_is_left_to_others(ordered: Ordered) -> None:
    assert not ordered.state.over
    assert take("elsewhere", [], threading.Event()) is None


def test_a_carrier_that_was_paused_writes_nothing_any_more(
    ordered: Ordered, store_id: UUID, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stood still in the midst of a chunk for longer than its lease; meanwhile another has ended the transfer."""
    pause = Pause(monkeypatch)
    monkeypatch.setattr(Hold, "_beat", lambda _self: None)  # the whole process stands still
    with carrying(taken(store_id, "paused")):
        assert pause.reached.wait(DEADLINE_SECONDS)
        lapse(ordered)
        assert carried(ordered, store_id).phase is TransferPhase.DONE
        settled_at = ordered.task.settled_at
        pause.on.set()
    assert digest((pool / "b.raw").read_bytes()) == digest(DATA)
    assert (ordered.state.phase, ordered.task.settled_at) == (TransferPhase.DONE, settled_at)


def test_an_abandoned_transfer_stops_and_leaves_nothing(
    ordered: Ordered, store_id: UUID, pool: Path, mount: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Pause(monkeypatch)
    hold = taken(store_id, "paused")
    with carrying(hold):
        assert pause.reached.wait(DEADLINE_SECONDS)
        assert (pool / "b.raw").exists()
        with transaction() as session:
            assert abandon(session, ordered.task_id)
        until(lambda: isinstance(hold._heard, Abandoned), DEADLINE_SECONDS, "it hears that it is to stop")
        assert ordered.task.settled_at is None, "while it may still write the job is not over"
        pause.on.set()
    _has_stopped(ordered)
    assert sorted(path.name for path in pool.iterdir()) == ["a.raw"]
    assert sorted(path.name for path in (mount / "vrelocate").iterdir()) == ["store-id"]
    with transaction() as session:
        assert not abandon(session, ordered.task_id), "it is over"


def test_a_transfer_that_nobody_carries_is_abandoned_by_whoever_comes(ordered: Ordered, mount: Path) -> None:
    """Also by a worker that does not have the store."""
    mount.rename(mount.with_name("away"))
    with transaction() as session:
        assert abandon(session, ordered.task_id)
    hold = take("without any store", [], threading.Event())
    assert hold
    carry(hold)
    _has_stopped(ordered)


def _has_stopped(ordered: Ordered) -> None:
    state, task = ordered.state, ordered.task
    assert (state.phase, state.fault, state.fault_class) == (TransferPhase.FAILED, "RequestCanceled", "cancelled")
    assert (task.state, task.fault) == (TaskState.ERROR, "RequestCanceled")


def test_what_somebody_else_has_settled_is_carried_no_further(
    ordered: Ordered, store_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Pause(monkeypatch)
    hold = taken(store_id, "paused")
    with carrying(hold):
        assert pause.reached.wait(DEADLINE_SECONDS)
        with transaction() as session:
            assert outside.settle(session, ordered.task_id, Ending(TaskState.ABANDONED)) == ordered.job_id
        until(lambda: isinstance(hold._heard, LostLease), DEADLINE_SECONDS, "it hears that there is nothing to carry")
        pause.on.set()
    assert ordered.task.state is TaskState.ABANDONED
    assert ordered.state.phase is TransferPhase.UPLOADING


def test_workers_share_what_there_is_to_carry(store_id: UUID, pool: Path) -> None:
    orders = []
    for number in range(5):
        (pool / f"{number}").write_bytes(content(1000, number))
        orders.append(order(store_id, (in_folder(pool, f"{number}"), in_folder(pool, f"{number}-b"), 1000)))
    with alive(CarryStep(None), CarryStep(None)):
        until(lambda: all(it.state.over for it in orders), DEADLINE_SECONDS, "all are carried")
    assert {it.state.phase for it in orders} == {TransferPhase.DONE}
    assert [(pool / f"{number}-b").read_bytes() for number in range(5)] == [content(1000, n) for n in range(5)]


def test_a_worker_that_stops_lets_go_at_once(
    ordered: Ordered, store_id: UUID, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Pause(monkeypatch)
    over = threading.Event()
    with carrying(taken(store_id, "paused", over)):
        assert pause.reached.wait(DEADLINE_SECONDS)
        over.set()
        pause.on.set()
    assert not ordered.state.over
    assert carried(ordered, store_id).phase is TransferPhase.DONE, "no lease has to run out"
    assert digest((pool / "b.raw").read_bytes()) == digest(DATA)


def test_a_worker_that_is_killed_is_replaced(
    datastores: Datastores, store_id: UUID, environment: dict[str, str]
) -> None:
    """SIGKILL in mid-copy; another worker takes the transfer when the lease has run out, and ends it."""
    source = datastores.put(datastores.location("old", "replaced.bin"), DATA)
    target = datastores.location("new", "replaced.bin")
    ordered = order(store_id, (source, target, SIZE))
    die_carrying(environment, store_id, TransferPhase.UPLOADING, 5_000_000)
    with alive(CarryStep(None)):
        until(lambda: ordered.state.over, DEADLINE_SECONDS, "another one ends it")
    assert (ordered.state.phase, ordered.state.message) == (TransferPhase.DONE, None)
    assert digest(datastores.get(target)) == digest(DATA)
