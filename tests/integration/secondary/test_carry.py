"""The whole way: from a source through secondary storage to a target, in bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.db import transaction
from app.errors import CheckFailed, LostLease, NotFound
from app.jobs import attempts, leases, outside
from app.jobs.states import JobState, TaskState
from app.secondary import leftovers, transfers
from app.secondary.carry import carry
from app.secondary.checksums import CHUNK_BYTES
from app.secondary.errors import CarriedOtherwise, SourceChanged
from app.secondary.locations import Parcel
from app.secondary.models import FileState, TransferPhase
from app.secondary.removal import remove_sources
from tests.integration.jobs import rows
from tests.integration.secondary.orders import (
    MIB,
    Datastores,
    carried,
    content,
    digest,
    in_folder,
    order,
    taken,
)

pytestmark = pytest.mark.integration

SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 12345]


def test_files_of_every_size_arrive_as_they_were(datastores: Datastores, store_id: UUID) -> None:
    """One job with several files; the last byte of each is the last byte of its target."""
    sources = [
        datastores.put(datastores.location("old", f"sizes/{size} [ü] 100%#.bin"), content(size)) for size in SIZES
    ]
    targets = [datastores.location("new", f"sizes/new/{size} [ü] 100%#.bin") for size in SIZES]
    ordered = order(store_id, *zip(sources, targets, SIZES, strict=True))
    state = carried(ordered, store_id)
    assert (state.phase, state.message) == (TransferPhase.DONE, None)
    assert state.bytes_done == state.bytes_total == 3 * sum(SIZES)
    assert [digest(datastores.get(target)) for target in targets] == [digest(content(size)) for size in SIZES]
    assert [digest(datastores.get(source)) for source in sources] == [digest(content(size)) for size in SIZES]
    assert (ordered.task.state, ordered.task.progress) == (TaskState.SUCCESS, 100)
    assert rows.kinds(ordered.job_id)[-1] == "settled"
    with transaction() as session:
        files = transfers.result_of(session, ordered.job_id)
    assert [(file.source, file.target, file.size_bytes, file.state) for file in files] == [
        (source, target, size, FileState.EQUAL) for source, target, size in zip(sources, targets, SIZES, strict=True)
    ]
    assert len({file.checksum for file in files}) == len(SIZES)


def test_what_lies_on_secondary_storage_is_for_nobody_elses_eyes(
    datastores: Datastores, store_id: UUID, mount: Path, pool: Path
) -> None:
    source = datastores.put(datastores.location("old", "private/a.vmdk"), content(100))
    ordered = order(store_id, (source, in_folder(pool, "a.vmdk"), 100))
    assert carried(ordered, store_id).phase is TransferPhase.DONE
    folder = mount / "vrelocate" / str(ordered.state.id)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in [folder, *folder.iterdir()]} == {
        str(ordered.state.id): "0o700",
        "0-a.vmdk": "0o600",
        "0-a.vmdk.sha256": "0o600",
    }


def test_holes_stay_holes_from_pool_to_pool(store_id: UUID, mount: Path, pool: Path) -> None:
    """A disk image of a gigabyte with a few megabytes in it takes a few megabytes, everywhere."""
    size = 1 << 30
    image = pool / "images" / "thin.raw"
    image.parent.mkdir()
    with image.open("wb") as file:
        file.truncate(size)
        for at in (0, 300 * MIB + 5, size - 100):
            file.seek(at)
            file.write(content(100, at))
    ordered = order(store_id, (in_folder(pool, "images/thin.raw"), in_folder(pool, "moved/thin.raw"), size))
    assert carried(ordered, store_id).phase is TransferPhase.DONE
    moved, kept = pool / "moved" / "thin.raw", mount / "vrelocate" / str(ordered.state.id) / "0-thin.raw"
    for path in (moved, kept):
        found = path.stat()
        assert found.st_size == size
        assert found.st_blocks * 512 <= MIB, path
    with image.open("rb") as one, moved.open("rb") as other:
        for at in (0, 300 * MIB, size - MIB):
            one.seek(at)
            other.seek(at)
            assert one.read(MIB) == other.read(MIB)


def test_runs_of_zeros_of_a_datastore_take_no_room_on_secondary_storage(
    datastores: Datastores, store_id: UUID, mount: Path
) -> None:
    data = content(16 * MIB, holes=[range(MIB, 15 * MIB)])
    source = datastores.put(datastores.location("old", "sparse/sparse-flat.vmdk"), data)
    target = datastores.location("new", "sparse/sparse-flat.vmdk")
    ordered = order(store_id, (source, target, len(data)))
    assert carried(ordered, store_id).phase is TransferPhase.DONE
    assert (mount / "vrelocate" / str(ordered.state.id) / "0-sparse-flat.vmdk").stat().st_blocks * 512 < 3 * MIB
    assert digest(datastores.get(target)) == digest(data)


def test_sources_are_deleted_only_when_all_is_equal(datastores: Datastores, store_id: UUID) -> None:
    source = datastores.put(datastores.location("old", "moved/a.bin"), content(1000))
    target = datastores.location("new", "moved/a.bin")
    ordered = order(store_id, (source, target, 1000))
    with pytest.raises(CheckFailed, match="downloading: "):
        remove_sources(ordered.task_id)
    assert carried(ordered, store_id).phase is TransferPhase.DONE
    assert datastores.there(source), "carrying deletes nothing"
    datastores.put(source, content(1000, seed=2))
    with pytest.raises(SourceChanged):
        remove_sources(ordered.task_id)
    assert datastores.there(source)

    other = order(store_id, (source, datastores.location("new", "moved/b.bin"), 1000))
    assert carried(other, store_id).phase is TransferPhase.DONE
    datastores.put(other.state.files[0].target, content(999))
    with pytest.raises(CarriedOtherwise, match="has 999 bytes now"):
        remove_sources(other.task_id)
    datastores.delete(other.state.files[0].target)
    with pytest.raises(CarriedOtherwise, match="not there any more"):
        remove_sources(other.task_id)
    assert datastores.there(source), "it is all that is left"

    third = order(store_id, (source, datastores.location("new", "moved/c.bin"), 1000))
    assert carried(third, store_id).phase is TransferPhase.DONE
    assert remove_sources(third.task_id) == 1
    assert remove_sources(third.task_id) == 0, "again is no harm"
    assert not datastores.there(source)


def test_progress_is_told_while_it_runs(datastores: Datastores, store_id: UUID, pool: Path) -> None:
    source = datastores.put(datastores.location("old", "told/a.bin"), content(1000))
    ordered = order(store_id, (source, in_folder(pool, "a.bin"), 1000))
    hold = taken(store_id)
    hold.save(hold.files[0], downloaded_bytes=1000)
    hold.enter(TransferPhase.UPLOADING)
    assert (ordered.job.progress, ordered.job.phase) == (33, "copying from secondary storage")
    assert (ordered.task.progress, ordered.task.state) == (33, TaskState.RUNNING)
    hold.release()
    assert carried(ordered, store_id).phase is TransferPhase.DONE


def test_beginning_twice_is_beginning_once(store_id: UUID, pool: Path) -> None:
    claim = leases.claim_to_submit(rows.new_job(), "submitter")
    assert claim
    with transaction() as session:
        attempt = attempts.begin(session, claim).number
    task_id = outside.intend(claim, attempt, 0, rows.NOBODY, {"command": "carry"})
    begun = []
    for _ in range(2):
        with transaction() as session:
            begun.append(transfers.begin(session, claim, task_id=task_id, store_id=store_id, parcels=[_a_parcel(pool)]))
    assert begun[0] == begun[1]
    stale = replace(claim, fence=claim.fence - 1)
    with transaction() as session, pytest.raises(LostLease):
        transfers.begin(session, stale, task_id=task_id, store_id=store_id, parcels=[_a_parcel(pool)])


def test_a_transfer_needs_a_task_of_its_job_and_a_store(store_id: UUID, pool: Path) -> None:
    claim = leases.claim_to_submit(rows.new_job(), "submitter")
    assert claim
    with transaction() as session, pytest.raises(NotFound, match="no outside task"):
        transfers.begin(session, claim, task_id=uuid4(), store_id=store_id, parcels=[_a_parcel(pool)])


def test_the_job_can_be_finished_when_its_transfer_is_over(store_id: UUID, pool: Path) -> None:
    (pool / "a").write_bytes(b"a")
    ordered = order(store_id, (in_folder(pool, "a"), in_folder(pool, "b"), 1))
    assert leases.claim_to_finish(ordered.job_id, "finisher") is None, "its task is under way"
    carry(taken(store_id))
    claim = leases.claim_to_finish(ordered.job_id, "finisher")
    assert claim
    assert ordered.job.state is JobState.VERIFYING
    assert leftovers.clear(ordered.job_id)


def _a_parcel(pool: Path) -> Parcel:
    return Parcel(source=in_folder(pool, "a"), target=in_folder(pool, "b"), size_bytes=1)
