"""One run from its beginning to its verdict."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.monkey import judge, on_connections, on_processes, on_vcenter
from tests.chaos.monkey.clients import Client, Whereabouts
from tests.chaos.monkey.deeds import Wanted
from tests.chaos.monkey.figures import Figures, gather, history
from tests.chaos.monkey.place import Place, installed
from tests.chaos.monkey.schedule import Done, carry_out
from tests.chaos.monkey.truth import look
from tests.chaos.monkey.wishes import Wish, entities, wishes
from tests.running.endings import all_end, family
from tests.running.waiting import until

KINDS = {**on_processes.KINDS, **on_connections.KINDS, **on_vcenter.KINDS}
DRAIN_SECONDS = 420
"""After the last mischief: five attempts with their waits, and lost leases, and a job's own time in vCenter."""
CLEAN_SECONDS = 90
"""What is left over is found by sweeps and syncs."""
COMMAND_SECONDS = 120
JOB_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOST_HISTORIES = 10


@dataclass
class Outcome:
    """What a run came to."""

    wanted: Wanted
    violations: list[str] = field(default_factory=list)
    done: Done = field(default_factory=Done)
    accepted: dict[str, Wish] = field(default_factory=dict)
    client_counts: Counter[str] = field(default_factory=Counter)
    oddities: Counter[str] = field(default_factory=Counter)
    histories: list[str] = field(default_factory=list)
    """Of the jobs that violations name."""
    figures: Figures = field(default_factory=Figures)
    drained_seconds: float = 0


def run(wanted: Wanted, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Do everything; what is not as it has to be is in the outcome."""
    outcome = Outcome(wanted)
    with installed(folder, wanted.size, seed=wanted.drawing("toxiproxy").getrandbits(31)) as place:
        processes = set(family(place.up.process.pid))
        _play(place, outcome, say)
        processes |= set(family(place.up.process.pid))
    all_end(sorted(processes), 30)
    outcome.violations = list(dict.fromkeys(outcome.violations))
    return outcome


def _play(place: Place, outcome: Outcome, say: Callable[[str], None]) -> None:
    wanted = outcome.wanted
    with place.client(judge.CALL_SECONDS) as api:
        subjects, lie_on = entities(api)
        pools = {pool["name"]: pool["id"] for pool in api.entities("listStoragePools", "storagepool")}
    first_class = judge.first_class_disks(place)
    initial = sum(len(subject.volumes) for subject in subjects)
    say(f"{len(subjects)} VMs and detached disks with {initial} volumes; {wanted.clients} clients")
    place.ledger.reset()
    where = Whereabouts(pools, lie_on)
    clients = [
        Client(f"client-{number}", place.client(), wishes(subjects, wanted.drawing(f"client {number}")), where)
        for number in range(wanted.clients)
    ]
    for client in clients:
        client.start()
    try:
        outcome.done = carry_out(wanted, KINDS, place, say)
        _drain(place, clients, outcome, say)
    finally:
        for client in clients:
            client.leave()
            outcome.client_counts += client.counts
            outcome.oddities += client.oddities
            outcome.accepted |= client.accepted
            if client.broken:
                outcome.violations.append(f"{client.name} cannot go on: {client.broken}")
    refused = {job_id: wish for client in clients for job_id, wish in client.refused.items()}
    outcome.violations += judge.promises(place, outcome.accepted, refused)
    _judge(place, outcome, initial, first_class)
    _tell_more(place, outcome)


def _drain(place: Place, clients: list[Client], outcome: Outcome, say: Callable[[str], None]) -> None:
    """Let everything come to its end by itself."""
    place.faults.lift_all()
    for client in clients:
        client.wish_no_more()
    began = time.monotonic()
    say("everything is undone: what is under way comes to its end")
    live = "SELECT id FROM job WHERE finished_at IS NULL"
    try:
        until(
            lambda: all(client.settled for client in clients) and not judge.rows(place, live), DRAIN_SECONDS, "the end"
        )
    except AssertionError as late:
        outcome.violations.append(str(late))
    outcome.drained_seconds = time.monotonic() - began


def _judge(place: Place, outcome: Outcome, initial: int, first_class: Mapping[str, str]) -> None:
    """Wait until nothing is left over, as far as that takes a sweep or a sync; then judge."""
    try:
        until(lambda: not [*judge.left_over(place)] and not _workers_left(place), CLEAN_SECONDS, "nothing left over")
    except AssertionError:
        outcome.violations += judge.left_over(place)
        outcome.violations += [f"worker VM {it} is left" for it in look(place).left_workers()]
    outcome.figures = gather(place, outcome.done)
    outcome.violations += judge.ledger(place, first_class)
    truth = look(place)
    outcome.violations += truth.broken()
    outcome.violations += [f"before a sync: {it}" for it in judge.records(place, truth, initial)]
    _sync(place)
    outcome.violations += judge.places(place)
    outcome.violations += judge.resting(place, truth)
    outcome.violations += [f"after a sync: {it}" for it in judge.records(place, truth, initial)]


def _tell_more(place: Place, outcome: Outcome) -> None:
    """Add the histories of the jobs that violations name."""
    named = sorted(set(JOB_ID.findall("\n".join(outcome.violations))))
    outcome.histories = [line for job_id in named[:MOST_HISTORIES] for line in history(place, job_id)]


def _workers_left(place: Place) -> bool:
    """Say whether worker VMs are there: the workers' own syncs remove what was left over."""
    return bool(look(place).left_workers())


def _sync(place: Place) -> None:
    """Have the inventory read, as an operator would."""
    (name,) = judge.texts(place, "SELECT name FROM vcenter")
    environment = {**place.up.environment, "VRELOCATE_STATE_DIR": str(place.up.state_dir)}
    command = [sys.executable, "-m", "app.cli.main", "vcenter", "sync", name]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
