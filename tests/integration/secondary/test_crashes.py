"""A carrier that dies at any byte of any phase: the next one goes on, and the target is what the source is."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.secondary.carry import carry
from app.secondary.checksums import CHUNK_BYTES
from app.secondary.models import TransferPhase
from tests.integration.secondary.dying import Died, die_carrying, mortal
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
from tests.running.ledger import Ledger
from tests.running.vcenter import RunningVCenter

pytestmark = pytest.mark.integration

SIZE = 3 * CHUNK_BYTES + 54321
DATA = content(SIZE, holes=[range(5 * MIB, 6 * MIB)])
BUFFERED = 8 * MIB
"""What may be on its way, in the kernels' buffers, when a reader goes away."""

PHASES = [TransferPhase.DOWNLOADING, TransferPhase.UPLOADING, TransferPhase.COMPARING]
BYTES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 777, SIZE - 1]


def die() -> None:
    raise Died


def dies(store_id: UUID, phase: TransferPhase, after_bytes: int) -> bool:
    """Let a carrier of this process die; `False` when it came to the end before."""
    with mortal(phase, after_bytes, die):
        try:
            carry(taken(store_id, "dying"))
        except Died:
            return True
    return False


@pytest.mark.parametrize("after_bytes", BYTES)
@pytest.mark.parametrize("phase", PHASES)
def test_who_comes_next_goes_on_where_the_bytes_are_sure(
    datastores: Datastores, simulated: RunningVCenter, store_id: UUID, phase: TransferPhase, after_bytes: int
) -> None:
    path = f"crash/{phase}-{after_bytes}.bin"
    source = datastores.put(datastores.location("old", path), DATA)
    target = datastores.location("new", path)
    ordered = order(store_id, (source, target, SIZE))
    ledger = Ledger(simulated)
    ledger.reset()
    assert dies(store_id, phase, after_bytes)
    lapse(ordered)
    state = carried(ordered, store_id)
    assert (state.phase, state.message) == (TransferPhase.DONE, None)
    traffic = ledger.page().datastores
    # From the source once, and from the target once to compare it; more only by what the crash cost.
    assert traffic["old"].sent_bytes <= SIZE + CHUNK_BYTES + BUFFERED
    assert traffic["new"].sent_bytes <= SIZE + 2 * CHUNK_BYTES + BUFFERED
    assert traffic["new"].received_bytes <= SIZE + 2 * CHUNK_BYTES
    assert digest(datastores.get(target)) == digest(DATA)
    assert digest(datastores.get(source)) == digest(DATA)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deaths=st.lists(st.tuples(st.sampled_from(PHASES), st.integers(0, SIZE)), max_size=4))
def test_however_often_it_dies(store_id: UUID, pool: Path, deaths: list[tuple[TransferPhase, int]]) -> None:
    """Several deaths of one transfer, from file pool to file pool."""
    (pool / "a.raw").write_bytes(DATA)
    (pool / "b.raw").unlink(missing_ok=True)
    ordered = order(store_id, (in_folder(pool, "a.raw"), in_folder(pool, "b.raw"), SIZE))
    for phase, after_bytes in deaths:
        if not dies(store_id, phase, after_bytes):
            break
        lapse(ordered)
    state = ordered.state if ordered.state.over else carried(ordered, store_id)
    assert (state.phase, state.message) == (TransferPhase.DONE, None)
    assert digest((pool / "b.raw").read_bytes()) == digest(DATA)


@pytest.mark.parametrize("phase", PHASES)
def test_a_process_that_is_killed(
    datastores: Datastores, store_id: UUID, environment: dict[str, str], phase: TransferPhase
) -> None:
    """SIGKILL, in the midst of a chunk: nothing of Python's runs any more."""
    path = f"killed/{phase}.bin"
    source, target = (
        datastores.put(datastores.location("old", path), DATA),
        datastores.location("new", path),
    )
    ordered = order(store_id, (source, target, SIZE))
    die_carrying(environment, store_id, phase, CHUNK_BYTES + 70_000)
    assert_left_in_the_midst(ordered, phase)
    lapse(ordered)
    state = carried(ordered, store_id)
    assert (state.phase, state.message) == (TransferPhase.DONE, None)
    assert digest(datastores.get(target)) == digest(DATA)


def assert_left_in_the_midst(ordered: Ordered, phase: TransferPhase) -> None:
    state = ordered.state
    assert state.phase is phase
    before = PHASES.index(phase) * SIZE
    assert before < state.bytes_done < before + SIZE
