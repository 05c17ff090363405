"""What goes wrong on the way: said, cleaned up after, and no source is ever touched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.jobs.states import TaskState
from app.secondary import copying, leftovers
from app.secondary.carry import carry
from app.secondary.checksums import CHUNK_BYTES
from app.secondary.copying import Copy
from app.secondary.locations import DatastoreLocation
from app.secondary.models import TransferPhase
from app.vsphere.datastore_files import DatastoreFile, DatastoreFiles, PartialPutRefused
from tests.integration.secondary.dying import Died, mortal
from tests.integration.secondary.orders import (
    MIB,
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
from tests.running.faults import Faults
from tests.running.vcenter import RunningVCenter
from tests.running.waiting import until

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 60
SIZE = CHUNK_BYTES + 5000
DATA = content(SIZE)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(copying, "_LONGEST_PAUSE_SECONDS", 0.02)


def before(step: str, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something done by somebody else just before a step of the copy."""
    real = getattr(Copy, step)

    def acted(self: Copy, *arguments: Any) -> Any:  # noqa: ANN401  # whatever it is called with
        act()
        return real(self, *arguments)

    monkeypatch.setattr(Copy, step, acted)


def _is_clear(mount: Path) -> bool:
    return sorted(path.name for path in (mount / "vrelocate").iterdir()) == ["store-id"]


def failed(ordered: Ordered, fault: str, fault_class: str, saying: str, mount: Path) -> None:
    """The transfer has failed, says why, and has left nothing on secondary storage."""
    state, task = ordered.state, ordered.task
    assert (state.phase, state.fault, state.fault_class) == (TransferPhase.FAILED, fault, fault_class), state.message
    assert saying in (state.message or "")
    assert (task.state, task.fault, task.fault_class, task.message) == (
        TaskState.ERROR,
        fault,
        fault_class,
        state.message,
    )
    # vCenter may hold on for a moment to a file that was being written: what is left then is cleared away later.
    until(lambda: _is_clear(mount) or (leftovers.clear(ordered.job_id) and _is_clear(mount)), 20, "nothing is left")


@dataclass(frozen=True)
class Way:
    """From one datastore to another."""

    datastores: Datastores
    store_id: UUID
    mount: Path
    source: DatastoreLocation
    target: DatastoreLocation

    def order(self) -> Ordered:
        return order(self.store_id, (self.source, self.target, SIZE))

    def carried(self, ordered: Ordered) -> TransferPhase:
        return carried(ordered, self.store_id).phase

    def dies_in_mid_upload(self) -> Ordered:
        def die() -> None:
            until(self._chunk_arrived, DEADLINE_SECONDS, "the first chunk is on the datastore")
            raise Died

        ordered = self.order()
        with mortal(TransferPhase.UPLOADING, CHUNK_BYTES + 100, die), pytest.raises(Died):
            carry(taken(self.store_id))
        lapse(ordered)
        return ordered

    def _chunk_arrived(self) -> bool:
        return (self.datastores.length(self.target) or 0) >= CHUNK_BYTES

    def failed(self, ordered: Ordered, fault: str, fault_class: str, saying: str) -> None:
        failed(ordered, fault, fault_class, saying, self.mount)

    def arrived(self) -> bool:
        return digest(self.datastores.get(self.target)) == digest(DATA)


@pytest.fixture
def way(datastores: Datastores, store_id: UUID, mount: Path, request: pytest.FixtureRequest) -> Way:
    path = f"troubles/{request.node.name}.bin"
    source = datastores.put(datastores.location("old", path), DATA)
    return Way(datastores, store_id, mount, source, datastores.location("new", path))


@pytest.mark.parametrize("step", ["_noted", "_upload", "_compare"])
def test_a_source_that_changes_in_mid_copy(way: Way, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = way.order()
    other = content(SIZE, seed=2)
    before(step, monkeypatch, lambda: way.datastores.put(way.source, other))
    way.carried(ordered)
    way.failed(ordered, "SourceChanged", "retry", "changed")
    assert digest(way.datastores.get(way.source)) == digest(other)
    assert not way.datastores.there(way.target)


def test_a_source_that_is_gone(way: Way) -> None:
    ordered = way.order()
    way.datastores.delete(way.source)
    way.carried(ordered)
    way.failed(ordered, "SourceGone", "permanent", "not there")


def test_what_is_at_the_target_and_not_ours_stays(way: Way) -> None:
    way.datastores.put(way.target, b"somebody's")
    ordered = way.order()
    way.carried(ordered)
    way.failed(ordered, "TargetExists", "permanent", "nothing is overwritten")
    assert way.datastores.get(way.target) == b"somebody's"
    assert way.datastores.there(way.source)


@pytest.mark.parametrize("other", [DATA[: SIZE // 2], DATA[:-1] + b"?"], ids=["cut", "changed"])
def test_a_target_that_is_not_what_was_sent(way: Way, other: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = way.order()
    before("_compare", monkeypatch, lambda: way.datastores.put(way.target, other))
    way.carried(ordered)
    way.failed(ordered, "CarriedOtherwise", "retry", "troubles/")
    assert not way.datastores.there(way.target), "half a disk is not left for somebody to find"
    assert digest(way.datastores.get(way.source)) == digest(DATA)


@pytest.mark.parametrize("other", [b"?" * CHUNK_BYTES, b"?" * (SIZE + 1), b""], ids=["changed", "longer", "cut"])
def test_a_target_that_is_not_as_it_was_left_is_written_anew(way: Way, other: bytes) -> None:
    """Whoever goes on looks at the target, and believes its bytes alone."""
    ordered = way.dies_in_mid_upload()
    way.datastores.put(way.target, other)
    assert way.carried(ordered) is TransferPhase.DONE
    assert way.arrived()


def test_secondary_storage_that_returns_other_bytes(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = way.order()

    def rot() -> None:
        [kept] = (way.mount / "vrelocate" / str(ordered.state.id)).glob("0-*.bin")
        with kept.open("r+b") as file:
            file.seek(CHUNK_BYTES + 10)
            file.write(b"?")

    before("_upload", monkeypatch, rot)
    way.carried(ordered)
    way.failed(ordered, "CarriedOtherwise", "retry", "other bytes than were written")
    assert not way.datastores.there(way.target)


@pytest.mark.usefixtures("impatient")
def test_a_vcenter_that_fails_now_and_then(way: Way, simulated: RunningVCenter) -> None:
    ordered = way.order()
    planted = Faults(simulated).refuse_path("/folder/", 503, times=3)
    assert way.carried(ordered) is TransferPhase.DONE
    assert planted.struck() == 3
    assert way.arrived()


@pytest.mark.usefixtures("impatient")
def test_a_vcenter_that_fails_always(way: Way, simulated: RunningVCenter) -> None:
    ordered = way.order()
    planted = Faults(simulated).refuse_path("/folder/", 500, times="always")
    way.carried(ordered)
    planted.lift()
    way.failed(ordered, "PlaceFailed", "retry", "answers 500")


def test_a_vcenter_that_is_away_is_waited_for(way: Way, simulated: RunningVCenter) -> None:
    ordered = way.order()
    with Faults(simulated).away():
        carrier = threading.Thread(target=carry, args=(taken(way.store_id),))
        carrier.start()
        until(lambda: ordered.state.waits_for, DEADLINE_SECONDS, "the carrier says what it waits for")
        assert "127.0.0.1" in (ordered.state.waits_for or "")
    carrier.join(DEADLINE_SECONDS)
    assert (ordered.state.phase, ordered.state.waits_for) == (TransferPhase.DONE, None)
    assert way.arrived()


@pytest.mark.parametrize("takes_the_part_for_the_whole", [False, True])
def test_an_upload_that_cannot_be_resumed(
    way: Way, monkeypatch: pytest.MonkeyPatch, *, takes_the_part_for_the_whole: bool
) -> None:
    """No document says what a vCenter does with Content-Range: whatever it is, the file is whole in the end."""
    ordered = way.dies_in_mid_upload()
    real, offsets = DatastoreFiles.write, []

    def write(
        self: DatastoreFiles, file: DatastoreFile, pieces: Iterable[bytes], *, size_bytes: int, offset: int = 0
    ) -> None:
        offsets.append(offset)
        if offset and not takes_the_part_for_the_whole:
            raise PartialPutRefused("501")
        real(self, file, pieces, size_bytes=size_bytes - offset)

    monkeypatch.setattr(DatastoreFiles, "write", write)
    assert way.carried(ordered) is TransferPhase.DONE
    assert set(offsets) == {CHUNK_BYTES, 0}
    assert offsets[-1] == 0
    assert way.arrived()


def test_more_than_secondary_storage_has_room_for(store_id: UUID, pool: Path, mount: Path) -> None:
    size = 1 << 42
    with (pool / "huge.raw").open("wb") as file:
        file.truncate(size)
    ordered = order(store_id, (in_folder(pool, "huge.raw"), in_folder(pool, "moved.raw"), size))
    carried(ordered, store_id)
    failed(ordered, "NoSpace", "retry_when_changed", f"{size} bytes do not fit on secondary store nfs-1", mount)
    assert sorted(path.name for path in pool.iterdir()) == ["huge.raw"]


def test_a_pool_that_is_not_mounted(store_id: UUID, pool: Path, tmp_path: Path, mount: Path) -> None:
    (pool / "a").write_bytes(b"a")
    ordered = order(store_id, (in_folder(pool, "a"), in_folder(tmp_path / "elsewhere", "a"), MIB))
    carried(ordered, store_id)
    failed(ordered, "StoreUnusable", "retry_when_changed", "no folder on this worker", mount)
    assert not (tmp_path / "elsewhere").exists()
