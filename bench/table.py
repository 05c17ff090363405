"""docs/benchmarks.md, written from what was measured last (`bench/results`): nobody edits a figure by hand.

.venv/bin/python -m bench.table
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.figures import kept
from bench.following import CONTESTANTS

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
SMALL = 10
RECOVERED_SECONDS, HALF_MS, NEARLY_ALL_MS = 15, 100, 500

Figures = dict[str, Any]

HEAD = """# Benchmarks

Written by `make bench`, which takes some twelve minutes and wants a quiet machine: `python -m bench.table` makes this
page of `bench/results/*.json`. A time is the smallest that half (p50) or 99 of 100 (p99) of the samples do not exceed.
"""

FOLLOWING = """
## Following relocations

Each contestant has a fresh simulated vCenter with the same VMs, begins as many relocations as are to run, and follows
them. Progress moves by a percent every ten seconds a relocation. vCenter's own account is the judge of calls and of the
time at which a task ended.

- *vrelocate* is all of `vrelocate up` with two workers: API, workers, PostgreSQL, Valkey. It knows an end when the
  **job is finished**: the disks read back, the inventory and the result written. (It is the time of the database's last
  transaction; the commit follows.) *Noticed* is when its watcher wrote down that the task is over, which is what the
  peers' figure is.
- The peers know an end when their wait returns. They look at nothing, keep nothing, and lose everything with their
  process. pyVim's threads have a property collector each, for with the default, a shared one, every end wakes all of
  them; oslo.vmware runs in green threads and polls every 0.5 s, as in Nova.
"""

ACCEPTANCE = """
## Jobs accepted a second

{clients} clients with connections that are kept ask for {jobs} jobs, each about another volume; one PostgreSQL that
syncs each commit to the disk, one API process, no worker. What an answer of each means:

- *vrelocate*: over HTTP; the signature checked, the role, the ids; the volume and the pool looked up, one live job a
  volume; **the job and the first line of its history committed**, and a worker's wake-up sent to Valkey.
- *Procrastinate*: **the job committed** and workers notified, in one transaction; neither signature nor checks. Over
  HTTP behind a minimal FastAPI application with the same uvicorn and as many threads; without it, from as many threads.
- *Celery*: a message in Valkey, which writes it to the disk **within a second, not before the answer**. Its database
  result backend is set and writes nothing before a worker takes the task.
"""

LOAD = """
## The API under load

{processes} processes of the API on one machine, {clients} clients with connections that are kept, signed calls. Then
{pollers:,} clients ask for the result of a job every {poll_seconds:g} seconds, as `cs` does, each over a connection of
its own, while the same {clients} go on asking for migrations: {stream_per_second} times a second, each timed from when
it was due, and as fast as the answers come. What asks runs on the same cores as what answers, and so does the database.
"""

RECOVERY = """
## From SIGKILL to a followed job

The default settings: a step's lease is {step:g} s, a watch's {watch:g} s. {installations} installations of each kind
with two workers each, {rounds} rounds each, side by side; the worker that matters is killed at a random moment, and the
other one goes on.
"""

TARGETS = """
## Targets

"""


def page(following: Figures, acceptance: Figures, load: Figures, recovery: Figures) -> str:
    """Return the whole page."""
    leases = recovery["lease_seconds"]
    return "".join(
        [
            HEAD,
            TARGETS,
            table(["target", "measured", ""], targets(following, recovery)),
            FOLLOWING,
            about(following),
            *following_tables(following),
            ACCEPTANCE.format(**{key: f"{acceptance[key]:,}" for key in ("clients", "jobs")}),
            about(acceptance),
            acceptance_table(acceptance),
            LOAD.format(**load),
            about(load),
            load_table(load),
            RECOVERY.format(step=leases["step"], watch=leases["watch"], **recovery),
            about(recovery),
            recovery_table(recovery),
        ]
    )


def targets(following: Figures, recovery: Figures) -> list[list[str]]:
    """Return a row for each target: met or missed."""
    ours = {row["running"]: row for row in following["rows"]["vrelocate"]}
    most = ours[max(ours)]
    ends = most["one_by_one"]
    worst = max(row["p99_ms"] for row in recovery["rows"].values()) / 1000
    calls = [row["steady"]["calls_per_second"] for row in ours.values()]
    running = ", ".join(str(number) for number in ours)
    return [
        [
            f"work goes on within {RECOVERED_SECONDS} s of a worker's SIGKILL (p99)",
            f"{worst:.1f} s",
            met(worst < RECOVERED_SECONDS),
        ],
        [
            "calls to vCenter do not grow with the number of running relocations",
            f"{', '.join(map(number, calls))} a second at {running}",
            met(max(calls) < 2 * min(calls)),
        ],
        [
            f"end of task → finished job at {max(ours)} running: p50 under {HALF_MS} ms",
            f"{number(ends['p50_ms'])} ms",
            met(ends["p50_ms"] < HALF_MS),
        ],
        [
            f"the same: p99 under {NEARLY_ALL_MS} ms",
            f"{number(ends['p99_ms'])} ms",
            met(ends["p99_ms"] < NEARLY_ALL_MS),
        ],
    ]


def following_tables(following: Figures) -> list[str]:
    """Return what following costs, and how soon ends are known."""
    costs, ends = [], []
    for who, name in CONTESTANTS.items():
        for row in following["rows"].get(who, []):
            running = str(row["running"])
            if "note" in row:
                costs.append([name, running, row["note"], "", "", "", ""])
                continue
            ours = next(our for our in following["rows"]["vrelocate"] if our["running"] == row["running"])
            costs.append([name, running, *cost(row, ours)])
            ends += [[name, running, kind, *times(row[key])] for key, kind in kinds(row) if key in row]
    return [
        "\nWhat it costs while nothing begins and nothing ends, and for each migration that begins and that ends:\n\n",
        table(
            [
                "",
                "running",
                "calls/s",
                "of ours",
                "CPU s/s",
                "calls to begin, to end one",
                "CPU s to begin, to end one",
            ],
            costs,
        ),
        "\nFrom the end of vCenter's task to the known end, in milliseconds:\n\n",
        table(["", "running", "ends", "p50", "p99", "noticed p50", "noticed p99"], ends),
    ]


def kinds(row: Figures) -> list[tuple[str, str]]:
    """Return the ways in which relocations ended, in words."""
    spaced = row["one_by_one"]
    if row["running"] == 1:
        return [("one_by_one", f"{spaced['count']}, one at a time")]
    burst = row["at_once"]
    return [
        ("one_by_one", f"{spaced['count']} in {number(spaced.get('ends_within_seconds'))} s"),
        ("at_once", f"{burst['count']} in {number(burst.get('ends_within_seconds'))} s"),
    ]


def cost(row: Figures, ours: Figures) -> list[str]:
    """Return what a contestant's row says of its costs."""
    steady, end = row["steady"], row.get("at_once", {})
    own = ours["steady"]["calls_per_second"]
    ratio = f"{number(steady['calls_per_second'] / own)} x" if own and row is not ours else ""
    fewer = row["at_work"] < row["running"]
    return [
        number(steady["calls_per_second"]) + (f" (only {row['at_work']} were at work)" if fewer else ""),
        ratio,
        f"{steady['cpu_per_second']:.3f}",
        f"{number(row['begin_calls_each'])}, {number(end.get('calls_each'))}",
        f"{row['begin_cpu_seconds_each']:.3f}, {number(end.get('cpu_seconds_each'), 3)}",
    ]


def times(ends: Figures) -> list[str]:
    """Return how soon ends were known."""
    noticed = ends.get("noticed", {})
    lost = f" ({ends['never_known']} not within a minute)" if ends["never_known"] else ""
    return [
        number(ends["p50_ms"]),
        number(ends["p99_ms"]) + lost,
        number(noticed.get("p50_ms")),
        number(noticed.get("p99_ms")),
    ]


def acceptance_table(acceptance: Figures) -> str:
    """Return how many jobs a second each accepts."""
    ours = acceptance["rows"]["vrelocate"]["per_second"]
    rows = [
        [
            name,
            number(row["per_second"]),
            f"{row['per_second'] / ours:.2f} x",
            number(row["p50_ms"]),
            number(row["p99_ms"]),
            f"{row['cpu_ms_each']:.2f}",
            f"{row['servers_cpu_ms_each']:.2f}",
        ]
        for name, row in acceptance["rows"].items()
    ]
    titles = ["", "jobs/s", "of ours", "p50 ms", "p99 ms", "CPU ms a job, process", "servers"]
    return table(titles, rows)


def load_table(load: Figures) -> str:
    """Return how many calls a second are answered, and how soon."""
    figures = ("per_second", "p50_ms", "p99_ms", "cpu_ms_each")
    rows = [[name, *(number(row.get(figure)) for figure in figures)] for name, row in load["rows"].items()]
    return table(["", "calls/s", "p50 ms", "p99 ms", "CPU ms a call, processes"], rows)


def recovery_table(recovery: Figures) -> str:
    """Return how soon work goes on."""
    what = {
        "watcher": "the watcher killed → another worker waits for the tasks' updates",
        "submitter": "killed while it asks vCenter for a relocation → vCenter works on it, and the job runs",
    }
    rows = [
        [text, str(row["count"]), *(f"{row[f'{part}_ms'] / 1000:.1f} s" for part in ("p50", "p99", "max"))]
        for kind, text in what.items()
        for row in [recovery["rows"][kind]]
    ]
    return table(["", "samples", "p50", "p99", "worst"], rows)


def about(result: Figures) -> str:
    """Say on what, when, and with which versions it was measured."""
    it = result["machine"]
    busy = "\n**The machine was busy with other work: its own figures are no better than that.**"
    used = "".join(f", {name} {version}" for name, version in it.get("versions", {}).items())
    return (
        f"\n{it['date']}, {it['cores']} cores ({it['cpu']}), {it['memory_gib']} GiB, load average before: "
        f"{it['load_average_before']}; Python {it['python']}{used}; revision {it['revision']}."
        + (busy if it["load_average_before"] > it["cores"] else "")
        + "\n\n"
    )


def met(it_is: bool) -> str:  # noqa: FBT001  # a truth value is what it turns into words
    """Say whether a target is met."""
    return "met" if it_is else "**missed**"


def number(value: float | None, digits: int = 1) -> str:
    """Write a number as short as it may be read."""
    if value is None:
        return ""
    return f"{value:,.{digits}f}" if abs(value) < SMALL else f"{value:,.0f}"


def table(titles: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def measured() -> str:
    """Return the page of what was measured last."""
    return page(kept("following"), kept("acceptance"), kept("load"), kept("recovery"))


if __name__ == "__main__":
    PAGE.write_text(measured(), encoding="utf-8")
