"""What stays until somebody mends it: an attempt that comes too early does not end the job."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from app.jobs.states import JobState
from tests.integration.jobs import rows
from tests.integration.migration.faults.laboratory import Laboratory, vcenter_of
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission
from tests.running.faults import Entities, Faults

pytestmark = pytest.mark.integration

TIB = 2**40
TROUBLES: dict[str, tuple[str, Callable[[Faults], None], Callable[[Faults], None]]] = {
    "full": ("NoDiskSpace", lambda faults: faults.fill("new", TIB - 1), lambda faults: faults.fill("new", 0)),
    "unreachable": ("InaccessibleDatastore", lambda faults: faults.cut("new"), lambda faults: faults.mend("new")),
}


@pytest.fixture(scope="module")
def steps(laboratory: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steps]:
    disk = {"size": "4MiB", "used": "1MiB"}
    machines = [{"name": name, "cluster": "east", "datastore": "old", "disks": [disk]} for name in TROUBLES]
    with (
        vcenter_of(tmp_path_factory.mktemp("mending"), vms=machines) as vcenter,
        laboratory.working_with(vcenter, {"VRELOCATE_RETRY_MAX_ATTEMPTS": "4"}) as steps,
    ):
        yield steps


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_target_that_is_not_mended_yet_costs_an_attempt_and_not_the_job(steps: Steps, trouble: str) -> None:
    fault, spoil, mend = TROUBLES[trouble]
    faults = Faults(steps.vcenter)
    faults.plant_fault("RelocateVM_Task", fault, "50%", Entities(trouble))
    job = steps.run(steps.ask_vm(trouble, "new"))
    assert (job.state, rows.attempts(job.id)[0].fault) == (JobState.QUEUED, fault)
    spoil(faults)
    try:
        rows.make_due(job.id)
        assert steps.submit(job.id).state is JobState.QUEUED
        assert admission() == NOTHING_TAKEN
    finally:
        mend(faults)
    assert steps.run_again(job.id).state is JobState.SUCCEEDED
