"""A storage migration that is to stop: its carrier stops, and nothing of it is left; after the copy it ends whole."""

from __future__ import annotations

import pytest

from app.jobs.states import JobState
from app.secondary.models import TransferPhase
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.steps import Killed
from tests.integration.migration.storage.things import Vm, nothing_is_left
from tests.integration.migration.storage.ways import Ways
from tests.integration.secondary.dying import mortal

pytestmark = [pytest.mark.integration, pytest.mark.timeout(200)]


@pytest.mark.parametrize("phase", [TransferPhase.DOWNLOADING, TransferPhase.UPLOADING, TransferPhase.COMPARING])
def test_while_the_files_are_carried(ways: Ways, unused: InTurn, phase: TransferPhase) -> None:
    """The carrier that had them is dead; the next one hears that it is to stop, and cleans up."""

    def die() -> None:
        raise Killed

    vm = Vm.named(ways, unused.vm("long"))
    job_id = vm.ask()
    with mortal(phase, 0, die), pytest.raises(Killed):
        ways.run(job_id)
    assert ways.steps.cancel(job_id).state is JobState.RUNNING
    ways.steps.stop(job_id)
    job = ways.to_end(job_id)
    assert job.state is JobState.CANCELLED, ways.told(job_id)
    assert (job.error_text or "").startswith("cancelled on request"), job.error_text
    assert [it.outcome for it in rows.attempts(job_id)] == ["cancelled"]
    vm.stayed()
    nothing_is_left(ways)


def test_after_the_copy(ways: Ways, unused: InTurn) -> None:
    vm = Vm.named(ways, unused.vm("pair"))
    job_id = vm.ask()
    ways.until_asked(job_id, "unregister-vm")
    ways.steps.cancel(job_id)
    ways.steps.stop(job_id)
    ways.run(job_id)
    vm.arrived()
