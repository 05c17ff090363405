"""What is left of jobs that are over is removed; what is not surely ours is not."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.errors import CheckFailed, ResourceInUse
from app.secondary import carry as carrying
from app.secondary import leftovers
from app.secondary.carry import carry
from app.secondary.checksums import CHUNK_BYTES
from app.secondary.copying import Copy
from app.secondary.models import TransferPhase
from app.secondary.removal import remove_targets
from app.secondary.stores import list_stores
from tests.integration.jobs import rows
from tests.integration.secondary.orders import Ordered, carried, content, digest, in_folder, next_attempt, order, taken

pytestmark = pytest.mark.integration

SIZE = CHUNK_BYTES + 1000


def ordered_in(store_id: UUID, pool: Path, name: str = "a", job_id: UUID | None = None) -> Ordered:
    (pool / name).write_bytes(content(SIZE))
    return order(store_id, (in_folder(pool, name), in_folder(pool, f"moved/{name}"), SIZE), job_id=job_id)


def half_done(store_id: UUID, pool: Path, monkeypatch: pytest.MonkeyPatch) -> Ordered:
    """A transfer that has failed in its comparison, and whose carrier could not clean up."""
    ordered = ordered_in(store_id, pool)
    with monkeypatch.context() as patch:
        patch.setattr(Copy, "_compare", _fails)
        patch.setattr(carrying, "_targets_deleted", lambda _hold: False)
        carry(taken(store_id))
    assert ordered.state.phase is TransferPhase.FAILED
    assert (pool / "moved" / "a").exists()
    return ordered


def _fails(*_arguments: object) -> None:
    raise RuntimeError("a defect")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def folders(mount: Path) -> list[str]:
    return [name for name in names(mount / "vrelocate") if name != "store-id"]


def test_what_is_done_is_kept_while_its_job_lives(store_id: UUID, pool: Path, mount: Path) -> None:
    ordered = ordered_in(store_id, pool)
    with pytest.raises(ResourceInUse):
        leftovers.clear(ordered.job_id)
    carried(ordered, store_id)
    assert leftovers.sweep() == 0
    assert folders(mount) == [str(ordered.state.id)]
    _end(ordered)
    assert leftovers.sweep() == 1
    assert folders(mount) == []
    assert digest((pool / "moved" / "a").read_bytes()) == digest(content(SIZE))
    assert leftovers.sweep() == 0, "there is nothing left to look at"


def test_a_half_done_target_is_removed_with_its_job(
    store_id: UUID, pool: Path, mount: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = half_done(store_id, pool, monkeypatch)
    _end(ordered)
    assert leftovers.sweep() == 1
    assert folders(mount) == []
    assert names(pool / "moved") == []
    assert digest((pool / "a").read_bytes()) == digest(content(SIZE))


def test_a_file_that_somebody_put_there_meanwhile_stays(
    store_id: UUID, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = half_done(store_id, pool, monkeypatch)
    (pool / "moved" / "a").write_bytes(b"somebody's")
    _end(ordered)
    assert leftovers.sweep() == 1
    assert (pool / "moved" / "a").read_bytes() == b"somebody's"


def test_what_the_next_attempt_carries_is_not_removed_for_the_one_before(
    store_id: UUID, pool: Path, mount: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds what the first has left at the target, and may write over it."""
    ordered = half_done(store_id, pool, monkeypatch)
    next_attempt(ordered.job_id)
    again = ordered_in(store_id, pool, job_id=ordered.job_id)
    with pytest.raises(ResourceInUse):
        leftovers.clear(ordered.job_id)
    assert carried(again, store_id).phase is TransferPhase.DONE
    _end(again)
    assert leftovers.sweep() == 1
    assert folders(mount) == []
    assert digest((pool / "moved" / "a").read_bytes()) == digest(content(SIZE))


def test_folders_that_are_nobodys_we_know_stay(store_id: UUID, mount: Path) -> None:
    assert store_id
    ours = mount / "vrelocate"
    stranger = ours / str(uuid4())
    stranger.mkdir()
    (ours / "notes").mkdir()
    (mount / "somebody's").mkdir()
    [store] = list_stores()
    assert leftovers.sweep() == 0
    assert leftovers.strangers(store) == sorted([stranger, ours / "notes"])
    assert names(mount) == ["somebody's", "vrelocate"]


def test_a_removal_that_was_interrupted_is_finished(store_id: UUID, mount: Path) -> None:
    assert store_id
    going = mount / "vrelocate" / ".going-1"
    going.mkdir()
    (going / "0-a").write_bytes(b"a")
    leftovers.sweep()
    assert folders(mount) == []


def test_a_store_that_is_away_is_cleared_when_it_is_back(store_id: UUID, pool: Path, mount: Path) -> None:
    ordered = ordered_in(store_id, pool)
    carried(ordered, store_id)
    _end(ordered)
    away = mount.rename(mount.with_name("away"))
    mount.mkdir()
    assert leftovers.sweep() == 0
    assert names(mount) == []
    mount.rmdir()
    away.rename(mount)
    assert leftovers.sweep() == 1
    assert folders(mount) == []


def test_targets_are_removed_for_a_clean_up_while_the_sources_are_there(store_id: UUID, pool: Path) -> None:
    ordered = ordered_in(store_id, pool)
    with pytest.raises(CheckFailed, match="abandoned first"):
        remove_targets(ordered.task_id)
    carried(ordered, store_id)
    (pool / "a").rename(pool / "elsewhere")
    with pytest.raises(CheckFailed, match="no target is deleted"):
        remove_targets(ordered.task_id)
    assert names(pool / "moved") == ["a"]
    (pool / "elsewhere").rename(pool / "a")
    assert remove_targets(ordered.task_id) == 1
    assert names(pool / "moved") == []


def _end(ordered: Ordered) -> None:
    rows.end(ordered.job_id)
