"""The simulated vCenter's ledger: what was really asked of it, whatever the program under test says."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

from tests.running.admin_port import ask_admin
from tests.running.vcenter import RunningVCenter

_OF = ("started", "succeeded", "failed", "cancelled", "overlapping")

T = TypeVar("T")


@dataclass(frozen=True)
class OperationCounts:
    """One method on one entity."""

    started: int = 0
    """Tasks made."""
    queued: int = 0
    """Of those, had to wait for room."""
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    overlapping: int = 0
    """Calls refused with TaskInProgress."""


@dataclass(frozen=True)
class RequestCounts:
    """Requests of HTTP that are no call of /sdk."""

    count: int
    failed: int
    received_bytes: int
    sent_bytes: int


@dataclass(frozen=True)
class TrafficCounts:
    """Bytes of one datastore: copies read and write, clients get and put over /folder."""

    read_bytes: int
    written_bytes: int
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True)
class LoginCounts:
    """Sessions, of the API and of REST alike."""

    accepted: int
    refused: int
    over_limit: int
    logged_out: int
    expired: int
    dropped: int
    now: int
    most: int


@dataclass(frozen=True)
class Page:
    """The ledger at one moment; counts are since its start or its last reset."""

    calls: dict[str, int]
    sessions: dict[str, dict[str, int]]
    polls: int
    """Calls that wait for updates."""
    requests: dict[str, RequestCounts]
    operations: dict[str, dict[str, OperationCounts]]
    overlaps: dict[str, int]
    """By entity: work that began while other work on it was under way. There must never be any."""
    datastores: dict[str, TrafficCounts]
    faults: dict[str, dict[str, int]]
    """That have struck, by method or path and what it was."""
    running: int
    most_running: int
    working: int
    """Tasks at work; of those that are running, the others are queued."""
    most_working: int
    logins: LoginCounts


@dataclass(frozen=True)
class Room:
    """What a host, a datastore or the vCenter has room for, in units; a task takes one or more of them."""

    capacity: int
    used: int
    most_used: int
    running: int
    """Tasks that have some of it."""
    most_running: int
    waiting: int
    """Tasks that wait for it."""


@dataclass(frozen=True)
class Limits:
    """Room and who has it, at most since the start; hosts and datastores by the values of their references."""

    tasks: Room
    """Of the vCenter."""
    hosts: dict[str, Room]
    datastores: dict[str, Room]


@dataclass(frozen=True)
class Ledger:
    """Reads the ledger afresh with every question."""

    vcenter: RunningVCenter

    def page(self) -> Page:
        """Return all of it at one moment."""
        told = self._read()
        typed = {
            "requests": {what: _as(RequestCounts, counts) for what, counts in told["requests"].items()},
            "operations": {
                method: {entity: _as(OperationCounts, counts) for entity, counts in entities.items()}
                for method, entities in told["operations"].items()
            },
            "datastores": {name: _as(TrafficCounts, counts) for name, counts in told["datastores"].items()},
            "logins": _as(LoginCounts, told["logins"]),
        }
        return _as(Page, {**told, **typed})

    def limits(self) -> Limits:
        """Return what runs and waits, and has at most, on hosts, datastores and the vCenter."""
        told = ask_admin(self.vcenter, "GET", "/limits")
        rooms = {kind: {name: _as(Room, room) for name, room in told[kind].items()} for kind in ("hosts", "datastores")}
        return Limits(tasks=_as(Room, told["tasks"]), **rooms)

    def reset(self) -> None:
        """Begin a new page; what is there now stays: tasks that are not over, sessions."""
        ask_admin(self.vcenter, "POST", "/ledger/reset")

    def running(self) -> int:
        """Return how many tasks are not over."""
        return int(self._read()["running"])

    def of(self, method: str) -> dict[str, dict[str, int]]:
        """Return the counts of a method by entity: started, succeeded, failed, cancelled, overlapping."""
        operations: dict[str, dict[str, int]] = self._read()["operations"].get(method, {})
        return {entity: {what: counts[what] for what in _OF} for entity, counts in operations.items()}

    def total(self, method: str, what: str) -> int:
        """Return one count of a method over all entities."""
        return sum(counts.get(what, 0) for counts in self.of(method).values())

    def written_bytes(self, datastore: str) -> int:
        """Return what copies have written to a datastore."""
        return int(self._read()["datastores"][datastore]["written_bytes"])

    def _read(self) -> dict[str, Any]:
        return ask_admin(self.vcenter, "GET", "/ledger")


def _as(kind: type[T], told: dict[str, Any]) -> T:
    """Return the part of what was told that a dataclass has fields for."""
    return kind(**{field.name: told[field.name] for field in fields(kind)})  # type: ignore[arg-type]  # a dataclass
