"""A volume that takes another disk offering with its migration: when the job has succeeded, and not otherwise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.db import transaction
from app.errors import InvalidParameter, NotFound
from app.inventory.models import DiskOffering
from app.inventory.offerings import assign_offering, create_offering, give_offering, update_offering
from app.jobs.models import Job
from app.jobs.states import JobState
from app.migration.dry_run import dry_run
from app.migration.requests import MigrateVolume
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission
from tests.running.faults import Entities, Faults
from tests.running.waiting import until

pytestmark = pytest.mark.integration


def offering(*tags: str) -> UUID:
    return create_offering(f"offering {uuid4()}", "", list(tags))


def delete(offering_id: UUID) -> None:
    """Delete an offering that no volume has."""
    with transaction() as session:
        session.delete(session.get_one(DiskOffering, offering_id))


def wish(volume_id: UUID, to: str, offering_id: UUID) -> MigrateVolume:
    return MigrateVolume(volume_id=volume_id, pool_id=known.pool(to).id, offering_id=offering_id)


def has(volume_id: UUID) -> tuple[str, UUID | None]:
    """The pool that a volume is on, and its offering."""
    volume = known.volume_of_id(volume_id)
    return volume.pool.name, volume.disk_offering_id


@pytest.fixture
def before(steps: Steps) -> UUID:
    """The offering that volumes have before: no pool has its tag."""
    assert steps
    return offering("nowhere")


def of(volume_id: UUID, offering_id: UUID) -> UUID:
    """Give a volume an offering, and return the volume."""
    assign_offering(volume_id, offering_id)
    return volume_id


def test_it_has_the_new_one_as_soon_as_the_job_has_succeeded(steps: Steps, unused: InTurn, before: UUID) -> None:
    """The tags of the old one count no more."""
    volume_id, new = of(known.volume(unused.disk()).id, before), offering("gold")
    job_id = steps.ask(wish(volume_id, "gold", new))
    assert steps.submit(job_id).state is JobState.RUNNING
    steps.watch()
    assert known.volume_of_id(volume_id).disk_offering_id == before
    job = steps.finish(job_id)
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    assert has(volume_id) == ("gold", new)
    assert (rows.history(job_id)[-1].detail or {})["disk_offerings"] == {str(volume_id): str(new)}


def test_one_disk_of_a_vm(steps: Steps, unused: InTurn, before: UUID) -> None:
    first, second = (of(disk.id, before) for disk in known.disks(unused.vm("pair")))
    new = offering()
    assert steps.run(steps.ask(wish(second, "new", new))).state is JobState.SUCCEEDED
    assert (has(first), has(second)) == (("old", before), ("new", new))


def test_without_a_wish_it_keeps_its_own(steps: Steps, unused: InTurn) -> None:
    path = unused.disk()
    volume_id, own = known.volume(path).id, offering("gold")
    assign_offering(volume_id, own)
    job = steps.run(steps.ask_disk(path, "gold"))
    assert "offering_id" not in job.payload
    assert has(volume_id) == ("gold", own)
    assert "disk_offerings" not in (rows.history(job.id)[-1].detail or {})


def test_a_target_that_lacks_the_new_tags_is_refused(steps: Steps, unused: InTurn, before: UUID) -> None:
    path = unused.disk()
    volume_id, new = of(known.volume(path).id, before), offering("gold")
    request = wish(volume_id, "new", new)
    told = dry_run(request)
    assert [objection.rule for objection in told.refusals] == ["tags_fit"]
    job = steps.submit(steps.ask(request))
    assert (job.state, job.error_code, job.error_text) == (JobState.FAILED, 431, told.refusals[0].text)
    assert "is to take disk offering offering" in told.refusals[0].text
    assert "whose storage tags gold are not on storage pool new (tags: none)" in told.refusals[0].text
    assert has(volume_id) == ("old", before)
    assert (steps.started(path), admission()) == (0, NOTHING_TAKEN)


def test_a_dry_run_that_would_start_changes_nothing(steps: Steps, unused: InTurn, before: UUID) -> None:
    volume_id = of(known.volume(unused.disk()).id, before)
    assert dry_run(wish(volume_id, "gold", offering("gold"))).would_start
    assert has(volume_id) == ("old", before)
    assert steps.vcenter_id


def test_a_cancelled_job_leaves_the_old_one(steps: Steps, faults: Faults, unused: InTurn, before: UUID) -> None:
    [disk] = known.disks(unused.vm("slow"))
    volume_id = of(disk.id, before)
    job_id = steps.ask(wish(volume_id, "gold", offering("gold")))
    with faults.stalled("slow", "50MB/s"):
        steps.submit(job_id)
        steps.cancel(job_id)
        steps.stop(job_id)
        steps.watch()
    assert steps.finish(job_id).state is JobState.CANCELLED
    assert has(volume_id) == ("slow", before)


@pytest.fixture
def failed(steps: Steps, faults: Faults, unused: InTurn, before: UUID) -> tuple[UUID, UUID, UUID]:
    """A volume, the offering that it was to take, and the job that has failed half-way."""
    name = unused.vm()
    [disk] = known.disks(name)
    faults.plant_fault("RelocateVM_Task", "NoPermission", at="50%", which=Entities(entity=name))
    volume_id, new = of(disk.id, before), offering("gold")
    job_id = steps.ask(wish(volume_id, "gold", new))
    assert steps.run(job_id).state is JobState.FAILED
    assert has(volume_id) == ("old", before), "a failed job leaves the old one"
    return volume_id, new, job_id


def test_a_job_that_is_tried_again_still_means_it(steps: Steps, failed: tuple[UUID, UUID, UUID]) -> None:
    volume_id, new, job_id = failed
    steps.retry(job_id)
    assert steps.run(job_id).state is JobState.SUCCEEDED
    assert has(volume_id) == ("gold", new)


def test_a_job_whose_offering_is_gone_is_not_tried_again(steps: Steps, failed: tuple[UUID, UUID, UUID]) -> None:
    _, new, job_id = failed
    delete(new)
    untouched = rows.everything_of(job_id)
    with pytest.raises(NotFound, match="unable to find a disk offering with id"):
        steps.retry(job_id)
    assert rows.everything_of(job_id) == untouched


def test_an_attempt_after_a_passing_fault_still_means_it(
    steps: Steps, faults: Faults, unused: InTurn, before: UUID
) -> None:
    name = unused.vm()
    [disk] = known.disks(name)
    faults.plant_fault("RelocateVM_Task", "FileLocked", at="50%", which=Entities(entity=name))
    volume_id, new = of(disk.id, before), offering()
    job_id = steps.ask(wish(volume_id, "new", new))
    assert steps.run(job_id).state is JobState.QUEUED
    assert has(volume_id) == ("old", before)
    assert steps.run_again(job_id).state is JobState.SUCCEEDED
    assert has(volume_id) == ("new", new)


def test_one_that_is_deleted_before_anything_moves(steps: Steps, unused: InTurn, before: UUID) -> None:
    path = unused.disk()
    volume_id, new = of(known.volume(path).id, before), offering()
    job_id = steps.ask(wish(volume_id, "new", new))
    delete(new)
    job = steps.submit(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, 431)
    assert job.error_text == f"unable to find a disk offering with id {new}: listDiskOfferings shows those that exist"
    assert has(volume_id) == ("old", before)
    assert (steps.started(path), admission()) == (0, NOTHING_TAKEN)


def test_one_that_is_deleted_while_the_volume_moves(steps: Steps, unused: InTurn, before: UUID) -> None:
    volume_id, new = of(known.volume(unused.disk()).id, before), offering()
    job_id = steps.ask(wish(volume_id, "new", new))
    steps.submit(job_id)
    steps.watch()
    delete(new)
    job = steps.finish(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, 431)
    assert job.error_text == (
        f"everything is on its target, but there is no disk offering {new}: "
        "the volume keeps the disk offering that it had"
    )
    assert has(volume_id) == ("new", before)
    [attempt] = rows.attempts(job_id)
    assert (attempt.outcome, attempt.fault, attempt.bytes) == ("failed", "OfferingGone", 64 * 2**20)
    assert admission() == NOTHING_TAKEN


def test_an_unknown_one_is_refused_before_there_is_a_job(steps: Steps, unused: InTurn) -> None:
    volume_id, job_id = known.volume(unused.disk()).id, uuid4()
    for ask in (dry_run, lambda request: steps.ask(request, job_id)):
        with pytest.raises(NotFound, match="unable to find a disk offering") as refused:
            ask(wish(volume_id, "new", uuid4()))
        assert refused.value.code == 431
    assert not rows.exists(job_id)


def test_the_same_call_with_another_offering_is_another_request(steps: Steps, unused: InTurn) -> None:
    volume_id, job_id = known.volume(unused.disk()).id, uuid4()
    request = wish(volume_id, "new", offering())
    assert steps.ask(request, job_id) == steps.ask(request, job_id) == job_id
    with pytest.raises(InvalidParameter, match="belongs to another request"):
        steps.ask(wish(volume_id, "new", offering()), job_id)


def test_a_volume_that_is_on_its_target_already_takes_none(steps: Steps, unused: InTurn, before: UUID) -> None:
    volume_id = of(known.volume(unused.disk()).id, before)
    job = steps.submit(steps.ask(wish(volume_id, "old", offering())))
    assert (job.state, job.error_code) == (JobState.FAILED, 431)
    assert job.error_text == "everything is on the target pool already: there is nothing to migrate"
    assert has(volume_id) == ("old", before)


def test_a_job_that_the_release_before_wrote_down(steps: Steps, unused: InTurn, before: UUID) -> None:
    """Its payload knows no offerings."""
    path = unused.disk()
    volume_id, pool_id = of(known.volume(path).id, offering()), known.pool("new").id
    job_id = steps.ask_disk(path, "new")
    written = {"kind": "migrate-volume", "volume_id": str(volume_id), "pool_id": str(pool_id)}
    with transaction() as session:
        session.get_one(Job, job_id).payload = {**written, "format": None, "with_home": None}
    own = known.volume_of_id(volume_id).disk_offering_id
    assert steps.run(job_id).state is JobState.SUCCEEDED
    assert has(volume_id) == ("new", own)
    assert own != before


def test_tags_of_an_offering_count_its_newest_volume(steps: Steps, unused: InTurn, before: UUID) -> None:
    """From the job's success on, the offering's tags must be on the pool that the volume went to."""
    volume_id, new = of(known.volume(unused.disk()).id, before), offering("gold")
    update_offering(new, tags=["gold", "elsewhere"])
    update_offering(new, tags=["gold"])
    assert steps.run(steps.ask(wish(volume_id, "gold", new))).state is JobState.SUCCEEDED
    with pytest.raises(InvalidParameter, match=r"and the pools \[gold\] don't have the new tags"):
        update_offering(new, tags=["gold", "elsewhere"])


def test_tags_are_not_changed_while_a_volume_takes_the_offering(steps: Steps, unused: InTurn) -> None:
    """Otherwise both would be judged on what was before the other, and the volume would lie where it must not."""
    assert steps
    volume_id, new = known.volume(unused.disk()).id, offering()
    with ThreadPoolExecutor(1) as other:
        with transaction() as session:
            give_offering(session, volume_id, new)
            session.flush()
            change = other.submit(update_offering, new, tags=["gold"])
            until(lambda: waiting_for_a_lock() or change.done(), 30)
            assert not change.done()
        with pytest.raises(InvalidParameter, match=r"and the pools \[old\] don't have the new tags"):
            change.result(30)


def waiting_for_a_lock() -> bool:
    """Somebody in this test's database waits for a row."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with transaction() as session:
        return bool(session.execute(text(waiting)).scalar_one())
