"""How soon the work of a worker that was killed goes on: from SIGKILL to a job that is followed again.

    .venv/bin/python -m bench.recovery [ROUNDS]

All settings are the defaults. Several installations (each with servers,
a simulated vCenter and two workers of its own) do their rounds side by side, for a round is spent waiting. In each the
worker is killed that matters, at a random moment:

- `watcher`: it follows five relocations. Over when another worker's session waits for updates.
- `submitter`: it holds a job, and is about to ask vCenter for the relocation. Over when vCenter works on it, and the
  job says so.

The killed worker is started again before the next round, so the one that was left has done the work.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.fernet import Fernet
from sqlalchemy import select

from app.db import transaction
from app.devstack.postgres import Postgres
from app.devstack.valkey import Valkey
from app.inventory.models import StoragePool, VirtualMachine
from app.inventory.sync import sync_vcenter
from app.inventory.vcenters import add_vcenter
from app.jobs.models import Job, WatchLease
from app.jobs.states import JobState
from app.migration.accept import accept
from app.migration.requests import MigrateVirtualMachine
from app.settings import Settings
from bench.figures import machine, save, say, spread
from migrations.schema import upgrade
from tests.chaos.workers.crew import Crew
from tests.running.faults import Faults
from tests.running.installation import installed
from tests.running.ledger import Ledger
from tests.running.vcenter import RunningVCenter, running_vcenter
from tests.running.waiting import until

INSTALLATIONS = 4
"""Of each kind, side by side."""
ROUNDS = 8
WAIT_SECONDS = 90
FOLLOWED = 5
CYCLE_SECONDS = 5.0
"""Within so much time a lease is renewed at least once: the moment of the kill is somewhere in it."""
NOBODY = UUID(int=0)
POLL = "WaitForUpdatesEx"

SCENARIO = """
datacenters:
  - name: dc1
    clusters: [{{name: cluster-a, hosts: ["esx-{{1..8}}"]}}]
    datastores: [{{name: "old-{{1..8}}", capacity: 64TiB, rate: 20MB/s, hosts: [cluster-a]}},
                 {{name: "new-{{1..8}}", capacity: 64TiB, rate: 20MB/s, hosts: [cluster-a]}}]
    vms: [{{name: "vm-{{1..{vms}}}", cluster: cluster-a, datastore: "old-{{1..8}}", disks: [{{size: 100GiB}}]}}]
"""


@dataclass
class Site:
    """One installation."""

    vcenter: RunningVCenter
    crew: Crew
    begun: int = 0

    def ask(self) -> UUID:
        """Ask for a relocation that lasts for hours."""
        self.begun += 1
        with transaction() as session:
            vm = session.scalars(select(VirtualMachine.id).where(VirtualMachine.name == f"vm-{self.begun}")).one()
            to = f"new-{self.begun % 8 + 1}"
            pool = session.scalars(select(StoragePool.id).where(StoragePool.name == to)).one()
        return accept(MigrateVirtualMachine(vm_id=vm, pool_id=pool), user_id=NOBODY, account_id=NOBODY)

    def polls(self) -> dict[str, int]:
        """Return how often each session has waited for updates."""
        return {name: calls.get(POLL, 0) for name, calls in Ledger(self.vcenter).page().sessions.items()}

    def polling(self, since: dict[str, int]) -> set[str]:
        """Return the sessions that have waited for updates since."""
        return {name for name, count in self.polls().items() if count > since.get(name, 0)}


def watcher_killed(site: Site) -> float:
    """Kill the worker that watches; return the seconds until another one does."""
    while site.begun < FOLLOWED:
        wait_for_state(site.ask(), JobState.RUNNING)
    owner = until(watch_owner, WAIT_SECONDS, "somebody watches")
    before = site.polls()
    dead = until(lambda: site.polling(before), WAIT_SECONDS, "the watcher polls")
    time.sleep(random.uniform(0, CYCLE_SECONDS))  # noqa: S311  # no secret
    os.kill(site.crew.named(owner or "").pid, signal.SIGKILL)
    killed_at, before = time.monotonic(), site.polls()
    until(lambda: site.polling(before) - dead, WAIT_SECONDS, "another worker polls")
    return time.monotonic() - killed_at


def submitter_killed(site: Site) -> float:
    """Kill the worker that is about to ask vCenter for a relocation; return the seconds until the job runs."""
    hang = Faults(site.vcenter).hang("RelocateVM_Task", carried_out=False)
    job_id = site.ask()
    until(hang.struck, WAIT_SECONDS, "the worker asks vCenter")
    time.sleep(random.uniform(0, CYCLE_SECONDS))  # noqa: S311  # no secret
    os.kill(site.crew.named(job(job_id).lease_owner or "").pid, signal.SIGKILL)
    killed_at = time.monotonic()
    hang.lift()
    wait_for_state(job_id, JobState.RUNNING)
    return time.monotonic() - killed_at


KINDS = {"watcher": watcher_killed, "submitter": submitter_killed}


def watch_owner() -> str | None:
    """Return who holds the watch, if anybody does."""
    with transaction() as session:
        return session.scalars(select(WatchLease.owner)).one_or_none()


def job(job_id: UUID) -> Job:
    """Read a job as it is now."""
    with transaction() as session:
        return session.get_one(Job, job_id)


def wait_for_state(job_id: UUID, state: JobState) -> None:
    """Wait until a job is in a state."""
    until(lambda: job(job_id).state is state, WAIT_SECONDS, f"job {job_id} is {state}")


@contextmanager
def site(folder: Path, vms: int) -> Iterator[Site]:
    """Run an installation with two workers."""
    scenario = folder / "scenario.yaml"
    scenario.write_text(SCENARIO.format(vms=vms), encoding="utf-8")
    with ExitStack() as stack:
        vcenter = stack.enter_context(running_vcenter(folder, "--scenario", scenario, "--admin", "127.0.0.1:0"))
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        valkey = stack.enter_context(Valkey(folder / "valkey"))
        upgrade(postgres.url)
        environment = {
            "VRELOCATE_DATABASE_URL": postgres.url,
            "VRELOCATE_REDIS_URL": valkey.url,
            "VRELOCATE_MASTER_KEY": Fernet.generate_key().decode(),
        }
        stack.enter_context(installed(environment))
        vcenter_id = add_vcenter(
            name="bench", url=vcenter.url, username=vcenter.username, password=vcenter.password,
            thumbprint=vcenter.thumbprint, insecure=False,
        )  # fmt: skip
        sync_vcenter(vcenter_id)
        crew = Crew(folder, environment)
        stack.callback(crew.kill_all)
        crew.start(2)
        yield Site(vcenter, crew)


def rounds_of(kind: str, rounds: int) -> list[float]:
    """Do the rounds of one installation; return the seconds of each."""
    taken = []
    with tempfile.TemporaryDirectory(prefix="vrelocate-bench-") as name:
        os.environ["TMPDIR"] = name
        with site(Path(name), vms=rounds + FOLLOWED) as running:
            for number in range(rounds):
                if number:
                    running.crew.start(1)
                taken.append(KINDS[kind](running))
    return taken


def main(rounds: int) -> None:
    """Let all installations do their rounds, and keep what came of it."""
    about = machine()
    begun = {
        kind: [
            subprocess.Popen(
                [sys.executable, "-m", "bench.recovery", kind, str(rounds)], stdout=subprocess.PIPE, text=True
            )
            for _ in range(INSTALLATIONS)
        ]
        for kind in KINDS
    }
    rows = {}
    for kind, processes in begun.items():
        taken: list[float] = []
        for process in processes:
            printed, _ = process.communicate()
            if process.returncode != 0:
                raise SystemExit(f"an installation has failed ({kind}): see above")
            taken += json.loads(printed.splitlines()[-1])  # before it stands what was logged
        rows[kind] = spread(taken)
        say(f"{kind} killed: {rows[kind]}")
    defaults = Settings.model_fields
    leases = {"step": defaults["lease_seconds"].default, "watch": defaults["watch_lease_seconds"].default}
    how = {"installations": INSTALLATIONS, "rounds": rounds, "lease_seconds": leases}
    save("recovery", {"machine": about, **how, "rows": rows})


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in KINDS:
        print(json.dumps(rounds_of(sys.argv[1], int(sys.argv[2]))))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS)
