"""Jobs that were over long ago are forgotten with what hangs on them, but not while something may be left of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from app import limits
from app.db import transaction
from app.inventory.models import StoragePool, VCenter, Volume, Zone
from app.jobs import leases
from app.jobs.models import Attempt, Job, JobEvent, OutsideTask
from app.jobs.queries import lock_job
from app.jobs.states import JobState, TaskState
from app.migration import forgetting
from app.migration.forgetting import forget_old_jobs
from app.secondary.models import FileState, SecondaryStore, Transfer, TransferFile, TransferPhase
from app.settings import Settings, settings
from tests.integration.jobs.at_once import at_once
from tests.integration.jobs.rows import new_job

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("installation")]

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=91)
LATER = timedelta(hours=1)
TABLES = ("job", "job_attempt", "outside_task", "job_event", "transfer", "transfer_file")


def over(ended_at: datetime = LONG_AGO, kind: str = "relocate-vm", **columns: Any) -> UUID:  # noqa: ANN401  # the job's own
    """Write a job that has ended, with an attempt, a task and a line of history."""
    job_id = new_job(state=JobState.SUCCEEDED, result={}, created_at=ended_at, finished_at=ended_at, **columns)
    with transaction() as session:
        session.add(Attempt(job_id=job_id, number=1, worker="w", ended_at=ended_at, outcome="succeeded"))
        leases.record_event(session, job_id, "w", "finished", after=JobState.SUCCEEDED)
        session.flush()
        session.add(
            OutsideTask(
                id=job_id,
                job_id=job_id,
                attempt=1,
                sequence=0,
                system_id=session.get_one(Job, job_id).system_id,
                command={"command": {"kind": kind}},
                state=TaskState.SUCCESS,
                settled_at=ended_at,
            )
        )
    return job_id


def carried(job_id: UUID, *, cleared: bool, began: datetime = LONG_AGO, lasted: timedelta = LATER) -> None:
    """Let the job have copied a file through secondary storage."""
    with transaction() as session:
        store = session.scalars(select(SecondaryStore)).first() or SecondaryStore(id=uuid4(), name="s", path="/s")
        session.add(store)
        session.flush()
        transfer = Transfer(
            id=uuid4(),
            job_id=job_id,
            task_id=job_id,
            store_id=store.id,
            phase=TransferPhase.DONE,
            created_at=began,
            finished_at=began + lasted,
            cleared_at=NOW if cleared else None,
        )
        session.add(transfer)
        session.flush()
        session.add(
            TransferFile(
                transfer_id=transfer.id,
                number=0,
                source={},
                target={},
                size_bytes=1,
                state=FileState.EQUAL,
                checksum="c",
            )
        )


def vcenter(listed_at: datetime | None, jobs: list[str]) -> UUID:
    """Make a vCenter whose worker VMs were listed."""
    with transaction() as session:
        row = VCenter(
            id=uuid4(),
            name=str(uuid4()),
            url="https://vc",
            username="u",
            password_sealed=b"",
            workers_listed_at=listed_at,
            workers_of_jobs=jobs,
        )
        session.add(row)
        return row.id


def known() -> set[UUID]:
    with transaction() as session:
        return set(session.scalars(select(Job.id)))


def count(table: str) -> int:
    with transaction() as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def test_what_was_over_long_ago_goes_with_all_that_hangs_on_it() -> None:
    carried(over(), cleared=True)
    assert [count(table) for table in TABLES] == [1] * len(TABLES)
    assert forget_old_jobs() == 1
    assert [count(table) for table in TABLES] == [0] * len(TABLES)


def test_what_is_younger_or_not_over_stays() -> None:
    kept = {over(NOW - timedelta(days=89)), new_job(created_at=LONG_AGO), over()}
    [tried_again] = [job_id for job_id in kept if over_since(job_id)]
    with transaction() as session:
        leases.move_unheld(
            session, failed(session, tried_again), "user:x", JobState.QUEUED, kind="tried again", finished_at=None
        )
    assert forget_old_jobs() == 0
    assert known() == kept


def over_since(job_id: UUID) -> bool:
    with transaction() as session:
        ended_at = session.get_one(Job, job_id).finished_at
    return ended_at is not None and ended_at <= LONG_AGO


def failed(session: Any, job_id: UUID) -> Job:  # noqa: ANN401  # a session
    session.execute(
        text("UPDATE job SET state = 'failed', error_code = 530, error_text = 'no' WHERE id = :id"), {"id": job_id}
    )
    job = lock_job(session, job_id)
    assert job
    return job


def test_an_id_that_was_forgotten_is_nobodys() -> None:
    """A client that sends the same call under it once more gets a new job."""
    chosen = over()
    forget_old_jobs()
    new_job(id=chosen)
    assert known() == {chosen}


@pytest.mark.parametrize(("days", "forgotten"), [("forever", 0), (92, 0), (91, 1), (1, 1)])
def test_how_long_is_a_setting(monkeypatch: pytest.MonkeyPatch, days: int | str, forgotten: int) -> None:
    over()
    changed = Settings.model_validate(
        {
            **settings().model_dump(),
            "VRELOCATE_DATABASE_URL": "x",
            "VRELOCATE_REDIS_URL": "x",
            "job_retention_days": days,
        }
    )
    monkeypatch.setattr(limits, "settings", lambda: changed)
    assert forget_old_jobs() == forgotten


def test_those_that_must_stay_keep_no_others_from_going(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest ones have left something: whoever forgets goes on behind them."""
    monkeypatch.setattr(forgetting, "BATCH", 2)
    with_something = {over(LONG_AGO - timedelta(days=number)) for number in (9, 8, 7, 6, 5)}
    for job_id in with_something:
        carried(job_id, cleared=False, began=NOW - timedelta(hours=2))
    for number in range(5):
        over(LONG_AGO - timedelta(days=number))
    assert forget_old_jobs() == 5
    assert known() == with_something


def test_a_round_is_short_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 2)
    monkeypatch.setattr(forgetting, "MOST_BATCHES", 2)
    for _ in range(5):
        over()
    assert [forget_old_jobs() for _ in range(3)] == [4, 1, 0]


def test_a_worker_that_stops_forgets_no_more() -> None:
    over()
    assert forget_old_jobs(lambda: True) == 0


def test_any_number_may_forget_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 10)
    for _ in range(60):
        over()
    assert sum(at_once(4, lambda _: forget_old_jobs())) == 60
    assert [count(table) for table in TABLES] == [0] * len(TABLES)


def test_one_that_somebody_works_with_is_passed_over() -> None:
    busy, idle = over(), over()
    with transaction() as session:
        assert lock_job(session, busy)
        assert forget_old_jobs() == 1
    assert known() == {busy}
    assert idle not in known()


def test_one_with_a_task_that_nobody_has_settled_stays() -> None:
    job_id = over()
    with transaction() as session:
        session.execute(text("UPDATE outside_task SET state = 'running', settled_at = NULL"))
    assert forget_old_jobs() == 0
    assert known() == {job_id}


def test_one_whose_mark_is_on_a_volume_stays() -> None:
    job_id = over()
    with transaction() as session:
        vcenter_id = vcenter(None, [])
        of_vcenter: dict[str, Any] = {"vcenter_id": vcenter_id, "moref": "m", "name": "n"}
        zone = Zone(id=uuid4(), **of_vcenter)
        session.add(zone)
        session.flush()
        pool = StoragePool(
            id=uuid4(),
            zone_id=zone.id,
            type="VMFS",
            scope="CLUSTER",
            url="ds:",
            multiple_host_access=True,
            capacity_bytes=1,
            free_bytes=1,
            uncommitted_bytes=0,
            accessible=True,
            maintenance_mode="",
            **of_vcenter,
        )
        session.add(pool)
        session.flush()
        session.add(
            Volume(
                vcenter_id=vcenter_id,
                zone_id=zone.id,
                pool_id=pool.id,
                name="v",
                path="[n] v.vmdk",
                capacity_bytes=1,
                moving_to="[n]",
                moved_by=job_id,
            )
        )
    assert forget_old_jobs() == 0


def test_one_whose_copies_are_not_cleared_away_stays_until_they_are() -> None:
    job_id = over()
    carried(job_id, cleared=False)
    assert forget_old_jobs() == 0
    with transaction() as session:
        session.execute(text("UPDATE transfer SET cleared_at = now()"))
    assert forget_old_jobs() == 1
    assert job_id not in known()


@pytest.mark.parametrize(("began", "stays"), [(-LATER, True), (LATER / 2, True), (2 * LATER, False)])
def test_a_copy_is_remembered_for_as_long_as_an_older_one_is_not_cleared_away(began: timedelta, *, stays: bool) -> None:
    """Whoever clears the older one away sees by it whose the file at their target is."""
    job_id, other = over(), over(NOW)
    carried(job_id, cleared=True)
    carried(other, cleared=False, began=LONG_AGO + began)
    assert forget_old_jobs() == (0 if stays else 1)


@pytest.mark.parametrize(
    ("listed_at", "has_one", "stays"),
    [
        (None, False, True),
        (LONG_AGO, False, True),
        (LONG_AGO + LATER, True, True),
        (LONG_AGO + LATER, False, False),
    ],
    ids=["never listed", "listed too early", "still there", "none left"],
)
def test_one_that_had_a_worker_vm_stays_until_none_is_left(
    listed_at: datetime | None, *, has_one: bool, stays: bool
) -> None:
    job_id = uuid4()
    vcenter_id = vcenter(listed_at, [str(job_id)] if has_one else [str(uuid4())])
    over(kind="create-worker", id=job_id, system_id=vcenter_id)
    over(system_id=vcenter_id)
    assert forget_old_jobs() == (1 if stays else 2)
    assert (job_id in known()) == stays


def test_a_vcenter_that_is_not_known_any_more_keeps_nothing() -> None:
    over(kind="create-worker", system_id=uuid4())
    assert forget_old_jobs() == 1


def test_histories_refer_to_known_jobs() -> None:
    """Whatever table comes to refer to a job has to go with it, or has to keep it."""
    with transaction() as session:
        rules = {
            (row.child, row.rule)
            for row in session.execute(
                text(
                    "SELECT conrelid::regclass::text AS child, confdeltype::text AS rule FROM pg_constraint "
                    "WHERE contype = 'f' AND confrelid = 'job'::regclass"
                )
            )
        }
    assert rules
    assert {rule for _, rule in rules} == {"c"}, rules
    assert JobEvent.__tablename__ in {child for child, _ in rules}
