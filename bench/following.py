"""What it costs to follow 1, 100 and 600 running relocations, and how soon their ends are known; peers in the same run.

    .venv/bin/python -m bench.following [WHO …] [RUNNING]

RUNNING leaves out the steps in which more than so many run: 600 take a minute and a half of two cores to begin.

Each contestant gets a fresh simulated vCenter with the same VMs, and the same load (`bench.relocations`). The judge of
calls and of ends is the vCenter's own account. For vrelocate an end is known when its job is finished: its disks read
back, its inventory and its result written. For the peers it is known when the wait returns, and nothing was looked at.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bench.contestants import Contestant, peer, vrelocate
from bench.figures import is_kept, kept, machine, save, say, spread, versions, wait_for
from bench.judge import Judge
from bench.relocations import BATCHED, ENDING, LONG, STEPS, TARGET, Load, Step, scenario
from tests.running.vcenter import RunningVCenter, running_vcenter

STEADY_SECONDS = 8.0
SETTLING_SECONDS = 4.0
BEGIN_SECONDS = 300
END_SECONDS = 60
WARM_UP = 6
"""So many are relocated before anything is counted: connections are made by then, statements compiled."""
QUIET_SECONDS = 2.0
RUNS_ALONE_SECONDS = 1.5
"""So long one relocation runs before it is let end: longer than the watcher needs to see that it is there."""

CONTESTANTS = {
    "vrelocate": "vrelocate: job finished, disks read back",
    "pyvim": "pyVim `WaitForTask`, a thread each",
    "oslo": "oslo.vmware `wait_for_task`, a green thread each",
    "govc": "`govc vm.migrate`, a process each",
}
NOT_MEASURED = {("govc", 600): "not measured: 600 processes of govc have no room on a machine of this size"}


class Measuring:
    """One contestant with one vCenter."""

    def __init__(self, contestant: Contestant, vcenter: RunningVCenter) -> None:
        self._contestant = contestant
        self._judge = Judge(vcenter)
        self._load = Load(vcenter)
        self._begun = 0

    def warm_up(self) -> None:
        """Let a contestant do what it does once, and wait until nothing is asked of vCenter any more."""
        vms = self._load.take(ENDING, WARM_UP)
        self._begin(vms, len(vms))
        self._load.let_end(vms, 1)
        self._wait_for(vms)

        def quiet() -> bool:
            before = self._judge.asked().calls
            time.sleep(QUIET_SECONDS)
            return self._judge.asked().calls == before

        wait_for(quiet, END_SECONDS)

    def step(self, step: Step) -> dict[str, Any]:
        """Return the figures of one step; long ones that run already stay."""
        row: dict[str, Any] = {"running": step.running}
        longs = step.running - step.one_by_one * (not step.alone) - step.at_once - self._load.longs
        self._load.hold_batches()
        self._load.let_long_ones_run(longs)
        enders = [] if step.alone else self._load.take(ENDING, step.one_by_one)
        batched = self._load.take(BATCHED, step.at_once)
        row |= self._begin([*self._load.take(LONG, longs), *enders, *batched], step.running)
        time.sleep(SETTLING_SECONDS)
        row["steady"] = steady = self._steady()
        if step.alone:
            row["one_by_one"] = self._ends(self._alone(step.one_by_one), steady)
        else:
            row["one_by_one"] = self._ends(enders, steady, over_seconds=step.seconds)
            row["at_once"] = self._ends(batched, steady)
        return row

    def _begin(self, vms: Sequence[str], running: int) -> dict[str, Any]:
        """Begin VMs, wait until all are at work; return what that took."""
        asked, cpu, began = self._judge.asked(), self._cpu(), time.monotonic()
        self._contestant.begin(vms, TARGET)
        everything = wait_for(lambda: self._judge.at_work() >= running, BEGIN_SECONDS)
        if not everything:
            say(f"only {self._judge.at_work()} of {running} are at work")
        since = self._judge.asked() - asked
        return {
            "begun": len(vms),
            "at_work": self._judge.at_work(),
            "begin_seconds": round(time.monotonic() - began, 2),
            "begin_calls_each": round((since.calls - since.polls) / len(vms), 2),
            "begin_cpu_seconds_each": round((self._cpu() - cpu) / len(vms), 4),
        }

    def _steady(self) -> dict[str, Any]:
        """Return what following costs while nothing begins and nothing ends."""
        asked, parts, methods = self._judge.asked(), self._contestant.cpu(), self._judge.by_method()
        began = time.monotonic()
        time.sleep(STEADY_SECONDS)
        since, seconds = self._judge.asked() - asked, time.monotonic() - began
        used = {part: (now - parts[part]) / seconds for part, now in self._contestant.cpu().items()}
        called = {name: count - methods.get(name, 0) for name, count in self._judge.by_method().items()}
        return {
            "calls_per_second": round(since.calls / seconds, 2),
            "cpu_per_second": round(sum(used.values()), 4),
            "cpu_per_second_of": {part: round(each, 4) for part, each in used.items()},
            "calls": {name: count for name, count in called.items() if count},
        }

    def _alone(self, count: int) -> list[str]:
        """Begin VMs one after the other, each to its end."""
        vms = self._load.take(ENDING, count)
        for vm in vms:
            self._begin([vm], self._load.longs + 1)
            time.sleep(RUNS_ALONE_SECONDS)
            self._load.let_end([vm], 0)
            self._wait_for([vm])
        return vms

    def _ends(self, vms: Sequence[str], steady: dict[str, Any], over_seconds: float | None = None) -> dict[str, Any]:
        """Let VMs end, if they have not yet; return how soon that was known, and what it took."""
        asked, cpu, began = self._judge.asked(), self._cpu(), time.monotonic()
        alone = vms[0] in self._contestant.ends()
        if over_seconds is not None:
            self._load.let_end(vms, over_seconds)
        elif not alone:
            self._load.let_batches_end()
        self._wait_for(vms)
        since, seconds = self._judge.asked() - asked, time.monotonic() - began
        calls = (since.calls - steady["calls_per_second"] * seconds) / len(vms)
        used = (self._cpu() - cpu - steady["cpu_per_second"] * seconds) / len(vms)
        known, noticed, ended = self._contestant.ends(), self._contestant.noticed(), self._judge.ends()
        told = [vm for vm in vms if vm in known]
        figures: dict[str, Any] = {
            **spread([known[vm] - ended[vm] for vm in told]),
            "never_known": len(vms) - len(told),
        }
        if told:
            figures["ends_within_seconds"] = round(max(ended[vm] for vm in told) - min(ended[vm] for vm in told), 2)
        if not alone:
            figures |= {"calls_each": round(max(0.0, calls), 2), "cpu_seconds_each": round(max(0.0, used), 4)}
        if noticed:
            figures["noticed"] = spread([noticed[vm] - ended[vm] for vm in told])
        return figures

    def _wait_for(self, vms: Sequence[str]) -> None:
        if not wait_for(lambda: self._contestant.ends().keys() >= set(vms), END_SECONDS):
            say(f"{len(set(vms) - self._contestant.ends().keys())} ends of {len(vms)} are not known")

    def _cpu(self) -> float:
        return sum(self._contestant.cpu().values())


def measured(who: str, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Return a row for each step of one contestant."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="vrelocate-bench-") as name:
        folder = Path(name)
        described = folder / "scenario.yaml"
        described.write_text(scenario(steps, more=WARM_UP), encoding="utf-8")
        os.environ["TMPDIR"] = name
        with (
            running_vcenter(folder, "--scenario", described, "--admin", "127.0.0.1:0") as vcenter,
            taking_part(who, folder, vcenter) as contestant,
        ):
            measuring = Measuring(contestant, vcenter)
            measuring.warm_up()
            for step in steps:
                if (who, step.running) in NOT_MEASURED:
                    rows.append({"running": step.running, "note": NOT_MEASURED[who, step.running]})
                    continue
                rows.append(measuring.step(step))
                say(f"{who}, {step.running} running: {rows[-1]}")
    return rows


def taking_part(who: str, folder: Path, vcenter: RunningVCenter) -> AbstractContextManager[Contestant]:
    """Start a contestant."""
    return vrelocate(folder, vcenter) if who == "vrelocate" else peer(who, folder, vcenter)


def main(names: Sequence[str], steps: Sequence[Step] = STEPS) -> None:
    """Measure all, or those that are named: then the others' figures stay as they were."""
    about = machine() | {"versions": versions("vrelocate", "pyvmomi", "oslo.vmware")}
    rows = kept("following")["rows"] if names and is_kept("following") else {}
    for who in names or CONTESTANTS:
        rows[who] = measured(who, steps)
        save("following", {"machine": about, "steady_seconds": STEADY_SECONDS, "rows": rows})


if __name__ == "__main__":
    most = [int(argument) for argument in sys.argv[1:] if argument.isdigit()] or [STEPS[-1].running]
    main(
        [argument for argument in sys.argv[1:] if not argument.isdigit()],
        [step for step in STEPS if step.running <= most[0]],
    )
