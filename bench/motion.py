"""vCenter's own relocation and storage migration on the same disks, in one run: wall time and bytes.

    .venv/bin/python -m bench.motion [VMS] [MIB]

Starts a simulated vCenter whose datastores give and take RATE, and `vrelocate up` with two workers against it. VMs with
one thick disk of MIB each go from one datastore to another: first vCenter relocates them, then it is kept from moving
anything itself, and they go back through a secondary storage in a temporary folder. Both ways go through the same API,
jobs and checks. Bytes are all that is read and written: on the datastores by the simulated vCenter's own ledger
(copies, and what goes over /folder), on secondary storage by the records of the transfers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cs import CloudStack
from sqlalchemy import text

from app.db import make_engine
from tests.running.ledger import Ledger
from tests.running.up import Up
from tests.running.vcenter import RunningVCenter, running_vcenter
from tests.running.waiting import until

RATE = "60MB/s"
"""Of each datastore: what this machine moves in real bytes must not be the bound."""
JOB_SECONDS = 900
MIB = 1 << 20

SCENARIO = """
datacenters:
  - name: dc1
    clusters: [{{name: cluster-a, hosts: [esx-1, esx-2]}}]
    datastores: [{{name: "ds-{{1..2}}", capacity: 1TiB, rate: {rate}, hosts: [cluster-a]}}]
    vms: [{{name: "vm-{{1..{vms}}}", cluster: cluster-a, datastore: ds-1, disks: [{{size: {mib}MiB, kind: thick}}]}}]
"""


@dataclass(frozen=True)
class Measured:
    """One way, all VMs."""

    strategies: set[str]
    seconds: float
    on_datastores: int
    on_secondary: int

    @property
    def bytes_moved(self) -> int:
        """All that was read and written."""
        return self.on_datastores + self.on_secondary


def main(vms: int, mib: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="vrelocate-bench-") as name:
        folder = Path(name)
        scenario = folder / "scenario.yaml"
        scenario.write_text(SCENARIO.format(rate=RATE, vms=vms, mib=mib), encoding="utf-8")
        with running_vcenter(folder, "--scenario", scenario, "--admin", "127.0.0.1:0") as vcenter:
            up = Up(
                folder,
                *("--vcenter", vcenter.url, "--username", vcenter.username, "--thumbprint", vcenter.thumbprint),
            )
            up.start(VRELOCATE_VCENTER_PASSWORD=vcenter.password)
            try:
                measure(folder, vcenter, up, vms=vms, mib=mib)
            finally:
                up.stop()


def measure(folder: Path, vcenter: RunningVCenter, up: Up, *, vms: int, mib: int) -> None:
    """Go there by vCenter, and back through secondary storage."""
    ready = up.ready()
    client = CloudStack(
        endpoint=ready["api_url"], key=ready["api_key"], secret=ready["secret_key"], job_timeout=JOB_SECONDS,
        poll_interval=0.5,
    )  # fmt: skip
    ledger = Ledger(vcenter)
    total = vms * mib * MIB
    relocated = moved(client, ledger, ready["database_url"], "ds-2")
    secondary = folder / "secondary"
    secondary.mkdir()
    vrelocate(up, vcenter, "secondary", "add", "bench", "--path", str(secondary))
    keep_from_moving(up, vcenter)
    carried = moved(client, ledger, ready["database_url"], "ds-1")
    for what, it in (("vCenter's own relocation", relocated), ("storage migration", carried)):
        print(
            f"{what} ({', '.join(sorted(it.strategies))}): {it.seconds:.1f} s, {it.on_datastores / MIB:.0f} MiB on the "
            f"datastores and {it.on_secondary / MIB:.0f} MiB on secondary storage: {it.bytes_moved / total:.1f} x all"
        )
    print(
        f"{vms} VMs of {mib} MiB, datastores of {RATE}: vCenter's relocation takes "
        f"{relocated.seconds / carried.seconds:.2f} of the time and "
        f"{relocated.bytes_moved / carried.bytes_moved:.2f} of the bytes"
    )


def moved(client: CloudStack, ledger: Ledger, database_url: str, to: str) -> Measured:
    """Move every VM to a datastore, all at once, and wait for all of them."""
    pool = client.listStoragePools(name=to, fetch_list=True)[0]
    vms = client.listVirtualMachines(fetch_list=True)
    ledger.reset()
    began = time.monotonic()
    jobs = [
        client.migrateVirtualMachine(virtualmachineid=vm["id"], storageid=pool["id"], fetch_result=False)["jobid"]
        for vm in vms
    ]
    strategies = {ended(client, job) for job in jobs}
    seconds = time.monotonic() - began
    page = ledger.page()
    counted = sum(
        it.read_bytes + it.written_bytes + it.sent_bytes + it.received_bytes for it in page.datastores.values()
    )
    return Measured(strategies, seconds, counted, rested_bytes(database_url))


def rested_bytes(database_url: str) -> int:
    """Return what transfers have written to secondary storage and read from it."""
    engine = make_engine(database_url)
    with engine.connect() as connection:
        counted = connection.scalar(text("SELECT sum(downloaded_bytes + uploaded_bytes) FROM transfer_file"))
    engine.dispose()
    return int(counted or 0)


def ended(client: CloudStack, job: str) -> str:
    """Wait for a job's success; returns the strategy that moved it."""

    def over() -> dict[str, Any]:
        result: dict[str, Any] = client.queryAsyncJobResult(jobid=job, details="attempts")
        return result if result["jobstatus"] != 0 else {}

    result = until(over, JOB_SECONDS, f"the end of job {job}")
    if result["jobstatus"] != 1:
        raise SystemExit(f"job {job} has failed: {result['jobresult']}")
    return str(result["attempts"][-1]["strategy"])


def keep_from_moving(up: Up, vcenter: RunningVCenter) -> None:
    """Have the same vCenter asked for no relocation any more."""
    vrelocate(
        up,
        vcenter,
        *(
            "vcenter",
            "add",
            urlsplit(vcenter.url).hostname or "",
            "--if-absent",
            "--via-secondary",
            "--url",
            vcenter.url,
        ),
        *("--username", vcenter.username, "--thumbprint", vcenter.thumbprint, "--password-env", "BENCH_PASSWORD"),
    )


def vrelocate(up: Up, vcenter: RunningVCenter, *arguments: str) -> None:
    """Run a host command on the installation."""
    subprocess.run(
        [sys.executable, "-m", "app.cli.main", *arguments, "--state-dir", str(up.state_dir)],
        env={**os.environ, "BENCH_PASSWORD": vcenter.password},
        check=True,
    )


if __name__ == "__main__":
    main(*(int(argument) for argument in (*sys.argv[1:], "4", "256")[:2]))
