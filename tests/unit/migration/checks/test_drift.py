"""What has changed meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.migration.checks import VmBusy, reasons_against, require
from app.migration.situation import Situation
from app.migration.surroundings import Surroundings
from tests.unit.moves import id_of, move_of_disks, move_of_vm, situation_of

pytestmark = pytest.mark.unit

VM = situation_of(move_of_vm())
DETACHED = situation_of(move_of_disks())


def test_a_disk_that_a_vm_has_by_now() -> None:
    held = Surroundings(holders=("db-1", "db-2"))
    [reason] = reasons_against(replace(DETACHED, surroundings=held))
    assert reason.startswith("volume data is attached to VM db-1, db-2 by now: sync the vCenter")


@pytest.mark.parametrize(
    ("situation", "asked", "told"),
    [
        (VM, f"vm:{id_of('vm')}", None),
        (VM, "volume:1", "was attached to nothing when this was asked for, and is attached to VM web-1 now"),
        (VM, "vm:1", "was attached to another VM when this was asked for, and is attached to VM web-1 now"),
        (DETACHED, f"volume:{id_of('data')}", None),
        (DETACHED, "vm:1", "was attached to a VM when this was asked for, and is attached to nothing now"),
        (DETACHED, None, None),
    ],
)
def test_what_was_asked_for_is_what_is_moved(situation: Situation, asked: str | None, told: str | None) -> None:
    reasons = reasons_against(replace(situation, accepted_as=asked))
    assert [told in reason for reason in reasons if told] == ([True] if told else [])


def test_another_job_and_a_running_task_pass_by_themselves() -> None:
    busy = replace(VM, task_running=True, live_job=id_of("job"))
    with pytest.raises(VmBusy, match=r"a vCenter task is running on VM web-1.*; job .* already works on it"):
        require(busy)
