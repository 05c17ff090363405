"""vCenter restarts in the midst of relocations and has forgotten its tasks: every VM moves, and none is moved twice."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.jobs.states import JobState
from tests.chaos.workers.crew import Crew
from tests.chaos.workers.outcome import all_end, all_succeeded_once, running, states
from tests.integration.migration.steps import Steps
from tests.running.faults import Faults
from tests.running.ledger import Ledger
from tests.running.vcenter import RunningVCenter
from tests.running.waiting import until

pytestmark = pytest.mark.chaos

RELOCATE = "RelocateVM_Task"
RATE = "45MB/s"  # of the datastore, as the scenario has it


@pytest.fixture
def jobs(steps: Steps) -> dict[UUID, str]:
    return {steps.ask_vm(name, "new"): name for name in (f"vm-{n:02}" for n in range(1, 6))}


def test_the_work_goes_on_and_its_tasks_are_forgotten(
    steps: Steps, jobs: dict[UUID, str], crew: Crew, vcenter: RunningVCenter
) -> None:
    """Some relocations end while it is away, others after it has come back; no task tells of either."""
    ledger, faults = Ledger(vcenter), Faults(vcenter)
    with faults.stalled("old", RATE):  # none ends before all run
        crew.start(2)
        until(lambda: running(jobs) == len(jobs), 60, "all relocations run")
    with faults.away(tasks="forget", running="continue"):
        until(lambda: ledger.total(RELOCATE, "succeeded") >= 1, 60, "a relocation ends while nobody can see it")
    all_end(jobs, 90)
    all_succeeded_once(steps, jobs)
    assert ledger.page().overlaps == {}


def test_the_work_ends_and_its_tasks_are_forgotten(jobs: dict[UUID, str], crew: Crew, vcenter: RunningVCenter) -> None:
    """Nothing tells that the relocations came to nothing but the VMs, which are where they were: they move then."""
    ledger, faults = Ledger(vcenter), Faults(vcenter)
    with faults.stalled("old", RATE):  # none ends before all run
        crew.start(2)
        until(lambda: running(jobs) == len(jobs), 60, "all relocations run")
    faults.restart(down_seconds=2, tasks="forget", running="fail")
    all_end(jobs, 90)
    assert states(jobs) == {JobState.SUCCEEDED: len(jobs)}
    counts = ledger.page().operations[RELOCATE]
    assert {name: (of.failed, of.succeeded) for name, of in counts.items()} == dict.fromkeys(jobs.values(), (1, 1))
    assert ledger.page().overlaps == {}
