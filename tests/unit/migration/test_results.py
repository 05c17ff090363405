"""What a job that succeeded tells its client of every disk, however many attempts it took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.jobs.models import OutsideTask
from app.jobs.states import TaskState
from app.migration.requests import MigrateVirtualMachine, MigrateVolume
from app.migration.verify import result_of

pytestmark = pytest.mark.unit

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
VM = MigrateVirtualMachine(vm_id=uuid4(), pool_id=uuid4())


def moved(name: str, source: str = "old") -> dict[str, Any]:
    return {"volume_id": f"id of {name}", "name": name, "from": source, "to": "new", "bytes": 4096}


def task(
    *disks: dict[str, Any], state: TaskState = TaskState.SUCCESS, submitted: bool = True, seconds: float = 10
) -> OutsideTask:
    return OutsideTask(
        state=state,
        command={"command": {}, "disks": list(disks)},
        intended_at=NOON - timedelta(seconds=1),
        submitted_at=NOON if submitted else None,
        settled_at=NOON + timedelta(seconds=seconds),
    )


def test_a_vm_is_told_with_all_of_its_disks() -> None:
    result = result_of(VM, [task(moved("a"), moved("b"))])
    assert (result["kind"], result["id"]) == ("virtualmachine", str(VM.vm_id))
    assert result["disks"] == [
        {**moved("a"), "seconds": 10.0, "verified": True},
        {**moved("b"), "seconds": 10.0, "verified": True},
    ]


def test_a_volume_is_told_by_its_own_id() -> None:
    request = MigrateVolume(volume_id=uuid4(), pool_id=uuid4())
    result = result_of(request, [task(moved("a"))])
    assert (result["kind"], result["id"]) == ("volume", str(request.volume_id))


def test_a_disk_of_several_attempts_counts_with_its_first_source_and_its_last_time() -> None:
    """The first attempt left b half-way, on a pool in between."""
    history = [
        task(moved("a"), moved("b"), state=TaskState.ERROR, seconds=100),
        task(moved("b", source="between"), seconds=7),
    ]
    disks = {disk["name"]: disk for disk in result_of(VM, history)["disks"]}
    assert (disks["a"]["from"], disks["a"]["seconds"]) == ("old", 100.0)
    assert (disks["b"]["from"], disks["b"]["seconds"]) == ("old", 7.0)


def test_what_was_never_begun_is_not_told() -> None:
    """vCenter refused the first call: it moved nothing."""
    history = [task(moved("a"), state=TaskState.ABANDONED, submitted=False), task(moved("a", source="elsewhere"))]
    [disk] = result_of(VM, history)["disks"]
    assert disk["from"] == "elsewhere"


def test_what_was_found_done_took_the_time_from_its_intent_on() -> None:
    """Nobody wrote the reference down: that it was submitted is known from its outcome alone."""
    [disk] = result_of(VM, [task(moved("a"), state=TaskState.VANISHED, submitted=False)])["disks"]
    assert disk["seconds"] == 11.0


def test_a_request_for_which_nothing_was_done_has_no_disks() -> None:
    assert result_of(VM, [])["disks"] == []
