"""Mischief in vCenter itself: sessions dropped, restarts, lost replies, hanging calls, planted faults, slow answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Literal

from tests.chaos.monkey.deeds import Act, Kind
from tests.chaos.monkey.place import Place
from tests.chaos.monkey.world import POOLS
from tests.running.admin_port import ask_admin
from tests.running.faults import Entities

WORKING = (
    *("RelocateVM_Task", "RelocateVM_Task", "MoveVirtualDisk_Task", "RelocateVStorageObject_Task"),
    *("CreateVM_Task", "ReconfigVM_Task", "Destroy_Task"),
)
READING = ("RetrievePropertiesEx", "WaitForUpdatesEx", "QueryVirtualDiskUuid", "CreateFilter", "Login")
COPYING = frozenset({"RelocateVM_Task", "MoveVirtualDisk_Task", "RelocateVStorageObject_Task"})
FAULTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("FileLocked", {}),
    ("NoDiskSpace", {"datastore": "ds-1"}),
    ("HostCommunication", {}),
    ("NotSupported", {}),
    ("NoPermission", {"privilegeId": "Datastore.FileManagement"}),
    ("TaskInProgress", {"task": {"type": "Task", "value": "task-1"}}),
    ("FileAlreadyExists", {}),
    ("RequestCanceled", {}),
    ("SystemError", {"reason": "copying"}),
    ("Timedout", {}),
    ("FileNotFound", {}),
)


@contextmanager
def sessions_dropped(place: Place, _draw: Random) -> Iterator[None]:
    place.faults.drop_sessions()
    yield


def away(tasks: Literal["keep", "forget"], running: Literal["fail", "continue"]) -> Act:
    @contextmanager
    def act(place: Place, draw: Random) -> Iterator[None]:
        how: Literal["refused", "unavailable"] = "refused" if draw.random() < 0.5 else "unavailable"
        with place.faults.away(tasks=tasks, running=running, how=how):
            yield

    return act


@contextmanager
def lost(place: Place, draw: Random) -> Iterator[None]:
    """Lose replies, or requests, of some calls."""
    faults = place.faults
    planted = []
    for _ in range(draw.randint(1, 4)):
        lose = faults.lose_reply if draw.random() < 0.7 else faults.lose_request
        planted.append(lose(draw.choice(WORKING + READING), Entities(times=draw.randint(1, 3))))
    try:
        yield
    finally:
        for it in planted:
            it.lift()


@contextmanager
def hanging(place: Place, draw: Random) -> Iterator[None]:
    which = Entities(times=draw.randint(1, 2))
    planted = place.faults.hang(draw.choice(WORKING + READING), which, carried_out=draw.random() < 0.5)
    try:
        yield
    finally:
        planted.lift()


@contextmanager
def faulty(place: Place, draw: Random) -> Iterator[None]:
    """Have calls and tasks fail: before, in the midst of, and after their work."""
    with ExitStack() as lifted:
        for _ in range(draw.randint(1, 3)):
            method = draw.choice(WORKING)
            fault, properties = draw.choice(FAULTS)
            moment = draw.choice(["call", "0%", *(["50%", "90%", "done"] if method in COPYING else [])])
            which = Entities(times=draw.randint(1, 3))
            planted = place.faults.plant_fault(method, fault, moment, which, properties=properties)
            lifted.callback(planted.lift)
        yield


@contextmanager
def late(place: Place, draw: Random) -> Iterator[None]:
    planted = place.faults.delay(draw.uniform(0.05, 0.6), 0.2)
    try:
        yield
    finally:
        planted.lift()


@contextmanager
def stalled(place: Place, draw: Random) -> Iterator[None]:
    pool = draw.choice(POOLS)
    ask_admin(place.vcenter, "POST", f"/datastores/{pool}", {"stalled": True})
    try:
        yield
    finally:
        ask_admin(place.vcenter, "POST", f"/datastores/{pool}", {"rate": "300MB/s"})


KINDS = {
    "vCenter's sessions dropped": Kind(sessions_dropped, "", 3),
    "vCenter restarted": Kind(away("keep", "fail"), "vcenter", 1, (0, 5)),
    "vCenter restarted, its work goes on": Kind(away("keep", "continue"), "vcenter", 1, (0, 5)),
    "vCenter restarted, its tasks are forgotten": Kind(away("forget", "fail"), "vcenter", 1, (0, 5)),
    "vCenter restarted, its work goes on, its tasks are forgotten": Kind(
        away("forget", "continue"), "vcenter", 1, (0, 5)
    ),
    "calls to vCenter lost": Kind(lost, "", 5, (3, 10)),
    "calls to vCenter hanging": Kind(hanging, "", 2, (3, 12)),
    "faults planted in vCenter": Kind(faulty, "", 8, (3, 10)),
    "vCenter slow": Kind(late, "slow", 1, (3, 10)),
    "a datastore stalled": Kind(stalled, "datastores", 1, (3, 10)),
}
