"""A call becomes a job: durable at once, the same for the same id, one live job an entity, broker or no broker."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from app.errors import InvalidParameter, LiveJobExists, NotFound
from app.jobs import queries
from app.jobs.states import JobState
from app.migration.accept import accept
from app.migration.requests import MigrateVirtualMachine, MigrateVolume, Request
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.jobs.at_once import at_once
from tests.integration.migration.steps import ACCOUNT, USER, Steps
from tests.running.vcenter import RunningVCenter

pytestmark = pytest.mark.integration


def vm_request(name: str, to: str = "new") -> MigrateVirtualMachine:
    return MigrateVirtualMachine(vm_id=known.vm(name).id, pool_id=known.pool(to).id)


def accepted(request: Request, job_id: UUID | None = None) -> UUID | LiveJobExists:
    try:
        return accept(request, user_id=USER, account_id=ACCOUNT, job_id=job_id)
    except LiveJobExists as exists:
        return exists


def test_a_job_says_what_it_is_about(steps: Steps, unused: InTurn) -> None:
    name = unused.vm()
    job = rows.job(steps.ask_vm(name, "new"))
    assert (job.command, job.resource_type, job.resource_id) == (
        "migrateVirtualMachine",
        "VirtualMachine",
        known.vm(name).id,
    )
    assert (job.state, job.system_id, job.account_id, job.user_id) == (
        JobState.QUEUED,
        steps.vcenter_id,
        ACCOUNT,
        USER,
    )
    [event] = rows.history(job.id)
    assert (event.kind, event.actor) == ("accepted", f"user:{USER}")


def test_the_same_id_with_the_same_request_is_the_same_job(steps: Steps, unused: InTurn) -> None:
    request, job_id = vm_request(unused.vm()), uuid4()
    assert steps.ask(request, job_id) == job_id
    before = rows.everything_of(job_id)
    assert steps.ask(request, job_id) == job_id
    assert rows.everything_of(job_id) == before


def test_it_stays_the_same_when_the_job_is_over(steps: Steps, unused: InTurn) -> None:
    request, job_id = vm_request(unused.vm()), uuid4()
    steps.ask(request, job_id)
    assert steps.run(job_id).state is JobState.SUCCEEDED
    assert steps.ask(request, job_id) == job_id
    assert rows.job(job_id).state is JobState.SUCCEEDED


def test_the_same_id_for_something_else_is_refused(steps: Steps, unused: InTurn) -> None:
    job_id, name = uuid4(), unused.vm()
    steps.ask(vm_request(name), job_id)
    with pytest.raises(InvalidParameter, match="belongs to another request"):
        steps.ask(vm_request(name, "gold"), job_id)
    with pytest.raises(InvalidParameter, match="belongs to another request"):
        accept(vm_request(name), user_id=USER, account_id=uuid4(), job_id=job_id)


def test_one_id_sent_many_times_at_once_is_one_job(steps: Steps, unused: InTurn) -> None:
    request, job_id = vm_request(unused.vm()), uuid4()
    assert at_once(16, lambda _: accepted(request, job_id)) == [job_id] * 16
    assert rows.kinds(job_id) == ["accepted"]
    assert steps.run(job_id).state is JobState.SUCCEEDED


@pytest.mark.usefixtures("steps")
def test_of_many_calls_for_one_vm_one_is_accepted(unused: InTurn) -> None:
    request = vm_request(unused.vm())
    answers = at_once(16, lambda _: accepted(request))
    [job_id] = [answer for answer in answers if isinstance(answer, UUID)]
    refused = [answer for answer in answers if isinstance(answer, LiveJobExists)]
    assert {answer.job_id for answer in refused} == {str(job_id)}
    assert {answer.code for answer in refused} == {536}


def test_a_vm_and_each_of_its_disks_are_one_entity(steps: Steps, unused: InTurn) -> None:
    name = unused.vm("pair")
    first, second = known.disks(name)
    job_id = steps.ask_disk(first.path, "new")
    for request in (vm_request(name), MigrateVolume(volume_id=second.id, pool_id=known.pool("new").id)):
        with pytest.raises(LiveJobExists, match=str(job_id)):
            steps.ask(request)


def test_detached_disks_are_entities_of_their_own(steps: Steps, unused: InTurn) -> None:
    first, second = unused.disk(), unused.disk()
    job_id = steps.ask_disk(first, "new")
    steps.ask_disk(second, "new")
    with pytest.raises(LiveJobExists, match=str(job_id)):
        steps.ask_disk(first, "gold")


def test_when_a_job_is_over_the_next_is_accepted(steps: Steps, unused: InTurn) -> None:
    name = unused.vm()
    assert steps.run(steps.ask_vm(name, "new")).state is JobState.SUCCEEDED
    assert steps.run(steps.ask_vm(name, "old")).state is JobState.SUCCEEDED
    assert known.disks(name)[0].pool.name == "old"
    assert steps.started(name) == 2


def test_what_nobody_knows_is_not_accepted(steps: Steps, unused: InTurn) -> None:
    name = unused.vm()
    pool = known.pool("new").id
    for request in (
        MigrateVirtualMachine(vm_id=uuid4(), pool_id=pool),
        MigrateVolume(volume_id=uuid4(), pool_id=pool),
        MigrateVirtualMachine(vm_id=known.vm(name).id, pool_id=uuid4()),
        # A volume's id is none of a VM.
        MigrateVirtualMachine(vm_id=known.disks(name)[0].id, pool_id=pool),
    ):
        with pytest.raises(NotFound, match="unable to find a"):
            steps.ask(request)


def test_a_pool_of_another_vcenter_is_refused(steps: Steps, plain: RunningVCenter, unused: InTurn) -> None:
    known.add(plain, "plain")
    with pytest.raises(InvalidParameter, match="storage pool LocalDS_0 belongs to another vCenter"):
        steps.ask_vm(unused.vm(), "LocalDS_0")


@pytest.mark.parametrize("broker", ["nobody listens", "nobody answers"])
class TestWithoutABroker:
    """Redis is down, or takes connections and is silent: the row is the queue (law 1)."""

    @pytest.fixture
    def environment(self, environment: dict[str, str], broker: str) -> Iterator[dict[str, str]]:
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            if broker == "nobody answers":
                reserved.listen()
            url = f"redis://:secret@127.0.0.1:{reserved.getsockname()[1]}/0"
            yield {**environment, "VRELOCATE_REDIS_URL": url}

    def test_a_job_is_accepted_within_seconds(self, steps: Steps, unused: InTurn) -> None:
        began = time.monotonic()
        job_id = steps.ask_vm(unused.vm(), "new")
        assert time.monotonic() - began < 10
        assert rows.job(job_id).state is JobState.QUEUED
        assert steps.submit(job_id).state is JobState.RUNNING


def test_a_job_that_was_in_the_way_and_is_over_by_now_refuses_nobody(
    steps: Steps, unused: InTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came between our look and our writing, and ended before we could look again."""
    request = vm_request(unused.vm())
    look = queries.live_job_on
    met: list[UUID] = []

    def late(session: Session, subject: str) -> object:
        found = look(session, subject)
        if not met:
            met.append(rows.new_job(subject=subject))
        elif found is not None:
            rows.end(met[0])
            found = look(session, subject)
        return found

    with monkeypatch.context() as edge:
        edge.setattr("app.migration.accept.queries.live_job_on", late)
        job_id = steps.ask(request)
    assert rows.job(job_id).state is JobState.QUEUED
