"""Trouble in the simulated vCenter, on demand: faults, lost replies, hangs, lost sessions, restarts, full datastores.

docs/simulator.md says what each of them does. What is planted strikes once, unless it says how often.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from tests.running.admin_port import ask_admin
from tests.running.vcenter import RunningVCenter

Times = int | Literal["always"]


@dataclass(frozen=True)
class Planted:
    """Trouble that waits for its moment; lifted, it strikes no more and what hangs by it goes on."""

    vcenter: RunningVCenter
    id: int

    def struck(self) -> int:
        """Return how often it has struck."""
        [rule] = [rule for rule in ask_admin(self.vcenter, "GET", "/faults")["faults"] if rule["id"] == self.id]
        return int(rule["struck"])

    def lift(self) -> None:
        ask_admin(self.vcenter, "DELETE", f"/faults/{self.id}")


@dataclass(frozen=True)
class Entities:
    """Which calls or tasks of a method are meant, and how often."""

    entity: str = ""
    """VM name, or a disk's path as the call gives it; empty: any."""
    times: Times = 1
    skip: int = 0
    """So many are let pass first."""


ANY = Entities()


@dataclass(frozen=True)
class Faults:
    """What may go wrong in one vCenter."""

    vcenter: RunningVCenter

    def plant_fault(
        self,
        method: str,
        fault: str,
        at: str = "0%",
        which: Entities = ANY,
        *,
        properties: Mapping[str, object] | None = None,
        message: str = "",
    ) -> Planted:
        """Have a task fail `at` a percentage of its work or when it is `done`, or answer a `call` with the fault."""
        return self._plant(which, method=method, fault=fault, at=at, message=message, **{"with": properties or {}})

    def lose_reply(self, method: str, which: Entities = ANY) -> Planted:
        """Have a call carried out and its answer lost with the connection."""
        return self._plant(which, do="lose", method=method, at="after")

    def lose_request(self, method: str, which: Entities = ANY) -> Planted:
        """Have the connection lost before a call is carried out."""
        return self._plant(which, do="lose", method=method, at="before")

    def hang(self, method: str, which: Entities = ANY, *, carried_out: bool) -> Planted:
        """Have a call answered only when this is lifted; one that was not carried out then is not answered at all."""
        return self._plant(which, do="hang", method=method, at="after" if carried_out else "before")

    def delay(self, seconds: float, jitter_seconds: float = 0, method: str = "") -> Planted:
        """Have every call of a method, or of all, answered late."""
        return self._plant(
            Entities(times="always"),
            do="delay",
            method=method,
            **{"for": f"{seconds}s", "jitter": f"{jitter_seconds}s"},
        )

    def refuse_path(self, path: str, status: int, times: Times = 1) -> Planted:
        """Have requests for URLs that begin with `path`, such as `/rest/`, answered with a status of HTTP."""
        return self._plant(Entities(times=times), do="status", path=path, status=status)

    def lift_all(self) -> None:
        ask_admin(self.vcenter, "DELETE", "/faults")

    def drop_sessions(self) -> int:
        """End every session: the next call gets NotAuthenticated. Return how many there were, REST's among them."""
        answer = ask_admin(self.vcenter, "DELETE", "/sessions")
        return int(answer["dropped"]) + int(answer["dropped_rest"])

    @contextmanager
    def away(
        self,
        *,
        tasks: Literal["keep", "forget"] = "keep",
        running: Literal["fail", "continue"] = "fail",
        how: Literal["refused", "unavailable"] = "refused",
    ) -> Iterator[None]:
        """Stop the vCenter for as long as the block lasts: connections cut, sessions gone, its work failed or not."""
        ask_admin(self.vcenter, "POST", "/stop", {"as": how, "tasks": tasks, "running": running})
        try:
            yield
        finally:
            ask_admin(self.vcenter, "POST", "/start")

    def restart(
        self,
        *,
        down_seconds: float = 0,
        tasks: Literal["keep", "forget"] = "keep",
        running: Literal["fail", "continue"] = "fail",
    ) -> None:
        """Restart the vCenter; it comes back by itself."""
        ask_admin(self.vcenter, "POST", "/restart", {"down": f"{down_seconds}s", "tasks": tasks, "running": running})

    def fill(self, datastore: str, used_elsewhere_bytes: int) -> None:
        """Have so much of a datastore taken by what is no file of the simulator; copies that do not fit fail."""
        ask_admin(self.vcenter, "POST", f"/datastores/{datastore}", {"used_elsewhere": used_elsewhere_bytes})

    def cut(self, datastore: str) -> None:
        """Take a datastore away from all hosts: copies across it fail."""
        ask_admin(self.vcenter, "POST", f"/datastores/{datastore}", {"accessible": False})

    def mend(self, datastore: str) -> None:
        """Give a datastore back that was cut."""
        ask_admin(self.vcenter, "POST", f"/datastores/{datastore}", {"accessible": True})

    @contextmanager
    def stalled(self, datastore: str, rate: str) -> Iterator[None]:
        """Stop all copies across a datastore for as long as the block lasts; then they go on at `rate`."""
        ask_admin(self.vcenter, "POST", f"/datastores/{datastore}", {"stalled": True})
        try:
            yield
        finally:
            ask_admin(self.vcenter, "POST", f"/datastores/{datastore}", {"rate": rate})

    def disconnect(self, host: str) -> None:
        """Take a host away: what works on its VMs fails."""
        ask_admin(self.vcenter, "POST", f"/hosts/{host}", {"connection": "disconnected"})

    def connect(self, host: str) -> None:
        ask_admin(self.vcenter, "POST", f"/hosts/{host}", {"connection": "connected"})

    def set_clock(self, ahead_seconds: float) -> None:
        """Set the vCenter's clock wrong; negative: it is behind."""
        ask_admin(self.vcenter, "POST", "/clock", {"offset": f"{ahead_seconds}s"})

    def _plant(self, which: Entities, **fault: object) -> Planted:
        wanted = {**fault, "entity": which.entity, "times": which.times, "skip": which.skip}
        [rule] = ask_admin(self.vcenter, "POST", "/faults", wanted)["faults"]
        return Planted(self.vcenter, int(rule["id"]))
