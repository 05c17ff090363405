"""The load of `bench.following`: relocations that run for as long as they are needed, and some that end on demand.

Long ones gain a percent every ten seconds, as one of seventeen minutes does. The others stand on datastores that give
nearly nothing, until the bench lets them go: then they are copied in half a second. So it does not matter how fast a
contestant begins them, and ends come when the bench wants them to: one after the other, or many within a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.running.admin_port import ask_admin
from tests.running.vcenter import RunningVCenter

GIB = 1 << 30
LONG_GIB = 100
"""On average."""
SECONDS_A_PERCENT = 10
GO_RATE = "4GB/s"
BATCHES = 10
BURST_SECONDS = 1.0
LONG, ENDING, BATCHED = "long", "ending", "batched"
TARGET = "new"

SCENARIO = """
limits: {{tasks: 10000, host: 1000000, datastore: 1000000}}
tasks: {{recent_age: 1h, recent_max: 10000, retention: 1h}}
datacenters:
  - name: dc1
    clusters: [{{name: cluster-a, hosts: ["esx-{{1..8}}"]}}]
    datastores:
      - {{name: {target}, capacity: 1024TiB, rate: 1000000GB/s, hosts: [cluster-a]}}
      - {{name: {long}, capacity: 1024TiB, rate: 1MB/s, hosts: [cluster-a]}}
      - {{name: "{ending}-{{0001..{endings:04}}}", capacity: 1TiB, rate: 1KB/s, hosts: [cluster-a]}}
      - {{name: "{batched}-{{01..{batches:02}}}", capacity: 1TiB, rate: 1KB/s, hosts: [cluster-a]}}
    vms:
      - {{name: "{ending}-{{0001..{endings:04}}}", cluster: cluster-a, datastore: "{ending}-{{0001..{endings:04}}}",
          disks: [{{size: 2GiB, used: 2GiB}}]}}
      - {{name: "{batched}-{{0001..{in_batches:04}}}", cluster: cluster-a, datastore: "{batched}-{{01..{batches:02}}}",
          disks: [{{size: 1GiB, used: 200MiB}}]}}
"""
# Of many sizes: those that begin together would gain each percent together.
LONG_VM = """
      - name: {long}-{number:04}
        cluster: cluster-a
        datastore: {long}
        disks: [{{size: {gib}GiB, used: {gib}GiB}}]
"""


@dataclass(frozen=True)
class Step:
    """So many run at once, and of these some end."""

    running: int
    one_by_one: int
    """End over `seconds`, one after the other. With one running: each is begun when the one before has ended."""
    at_once: int
    """End within a second."""
    seconds: float

    @property
    def alone(self) -> bool:
        """One is running, and nothing else."""
        return self.running == 1


STEPS = (Step(1, 6, 0, 0), Step(100, 40, 20, 8), Step(600, 100, 100, 12))


@dataclass
class Load:
    """The VMs of one simulated vCenter: what has not been begun yet, and what the bench lets end."""

    vcenter: RunningVCenter
    longs: int = 0
    """So many long ones run."""
    _next: dict[str, Iterator[int]] = field(
        default_factory=lambda: {kind: iter(range(1, 10_000)) for kind in (LONG, ENDING, BATCHED)}
    )

    def take(self, kind: str, count: int) -> list[str]:
        """Return the names of VMs that have not been taken before."""
        return [f"{kind}-{next(self._next[kind]):04}" for _ in range(count)]

    def let_long_ones_run(self, more: int) -> None:
        """Give so many more long ones their share, before they are begun."""
        self.longs += more
        # At its end there is nothing left to share: a rate of nothing would be refused.
        each = LONG_GIB * GIB // (100 * SECONDS_A_PERCENT)
        self._set_rate(LONG, f"{max(1, self.longs) * each // 1_000_000}MB/s")

    def let_end(self, names: Sequence[str], over_seconds: float) -> None:
        """Let VMs with datastores of their own end one after the other, evenly over some seconds."""
        began = time.monotonic()
        for number, name in enumerate(names):
            time.sleep(max(0.0, began + number * over_seconds / len(names) - time.monotonic()))
            self._set_rate(name, GO_RATE)

    def let_batches_end(self) -> None:
        """Let everything that is batched end within a second."""
        began = time.monotonic()
        for number in range(BATCHES):
            time.sleep(max(0.0, began + number * BURST_SECONDS / BATCHES - time.monotonic()))
            self._set_rate(f"{BATCHED}-{number + 1:02}", GO_RATE)

    def hold_batches(self) -> None:
        """Let what is batched and begun from now on wait."""
        for number in range(BATCHES):
            self._set_rate(f"{BATCHED}-{number + 1:02}", "1KB/s")

    def _set_rate(self, datastore: str, rate: str) -> None:
        ask_admin(self.vcenter, "POST", f"/datastores/{datastore}", {"rate": rate})


def scenario(steps: Sequence[Step], more: int) -> str:
    """Return a scenario with the VMs that the steps need, and so many more that end one by one."""
    longs = max(2, *(step.running for step in steps))
    return SCENARIO.format(
        target=TARGET,
        long=LONG,
        ending=ENDING,
        batched=BATCHED,
        batches=BATCHES,
        endings=more + sum(step.one_by_one for step in steps),
        in_batches=max(2, sum(step.at_once for step in steps)),
    ) + "".join(
        LONG_VM.format(long=LONG, number=number + 1, gib=LONG_GIB + (number * 37 % 41 - 20)) for number in range(longs)
    )
