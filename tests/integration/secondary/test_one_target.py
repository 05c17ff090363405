"""Two transfers with one target: one of them gets it, and nothing of what it has written is ever written over."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.secondary import copying
from app.secondary.carry import carry
from app.secondary.checksums import CHUNK_BYTES
from app.secondary.hold import Hold
from app.secondary.models import TransferPhase
from tests.integration.secondary.dying import Died, mortal
from tests.integration.secondary.orders import Ordered, carried, content, digest, in_folder, order, taken

pytestmark = pytest.mark.integration

SIZE = CHUNK_BYTES + 1000


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(copying, "_LONGEST_PAUSE_SECONDS", 0.02)


def ordered_from(name: str, store_id: UUID, pool: Path) -> Ordered:
    """Of jobs of their own, both to `moved`."""
    (pool / name).write_bytes(content(SIZE, seed=ord(name)))
    return order(store_id, (in_folder(pool, name), in_folder(pool, "moved"), SIZE))


def die() -> None:
    raise Died


def test_who_comes_while_another_is_at_it_leaves_it_alone(store_id: UUID, pool: Path) -> None:
    """The first has died before its first byte came; it still has the target, for it will go on."""
    first = ordered_from("a", store_id, pool)
    with mortal(TransferPhase.UPLOADING, 0, die), pytest.raises(Died):
        carry(taken(store_id))
    (pool / "moved").unlink(missing_ok=True)
    second = ordered_from("b", store_id, pool)
    state = carried(second, store_id)
    assert (state.fault, state.fault_class) == ("FileBusy", "retry")
    assert "target of another transfer" in (state.message or "")
    assert first.state.phase is TransferPhase.UPLOADING


def test_who_saw_nothing_there_a_moment_ago_does_not_write_over_it(
    store_id: UUID, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look and its claim another has carried its file there, from beginning to end."""
    second, first = ordered_from("b", store_id, pool), ordered_from("a", store_id, pool)
    save = Hold.save

    def overtaken(self: Hold, file: Any, **columns: Any) -> None:  # noqa: ANN401  # whatever it is called with
        if "upload_begun" in columns and self.owner == "slow":
            monkeypatch.setattr(Hold, "save", save)
            assert carried(first, store_id).phase is TransferPhase.DONE
        save(self, file, **columns)

    monkeypatch.setattr(Hold, "save", overtaken)
    carry(taken(store_id, "slow"))
    assert (second.state.phase, second.state.fault) == (TransferPhase.FAILED, "TargetExists")
    assert digest((pool / "moved").read_bytes()) == digest(content(SIZE, seed=ord("a")))
