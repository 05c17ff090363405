"""What the simulated vCenter can bear: 10,000 VMs, 640 relocations at once, 100 sessions; vcsim beside it where it can.

    .venv/bin/python -m bench.simulator [VMS] [RELOCATIONS] [SESSIONS]

Makes the same inventory in the whole simulator and in plain vcsim (`--plain`), in turns, and compares time and memory.
Then relocates in the whole one, with one client that waits for updates of all tasks and others that read VMs all the
while: how long after a task's end the client knows of it, how long a read takes, what the simulator needs for that.
Plain vcsim has no part in it: its relocations take no time.

The datastores' files (some 70,000) lie in memory where there is /dev/shm: the machine's disk is not what is measured.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyVim.connect import SmartConnect

from app.vsphere.pyvmomi import vim
from bench.soap import Waiter, address, read_names, unverified
from tests.running.vcenter import RunningVCenter, running_vcenter

# Four sizes, so that the relocations do not all end at once.
SCENARIO = """
speed: {speed}
datacenters:
  - name: dc1
    clusters: [{{name: cluster-a, hosts: ["esx-{{001..096}}"]}}]
    datastores:
      - {{name: "old-{{01..16}}", capacity: 512TiB, rate: 1000MB/s, hosts: [cluster-a]}}
      - {{name: "new-{{01..16}}", capacity: 512TiB, rate: 1000MB/s, hosts: [cluster-a]}}
    vms:
"""
VMS = """
      - name: vm-{size}-{{00001..{vms:05}}}
        cluster: cluster-a
        datastore: old-{{01..16}}
        disks: [{{size: 40GiB, used: {size}GiB}}, {{size: 4GiB, kind: thick}}]
"""
SIZES_GIB = (8, 10, 12, 14)
SPEED = 10
MEMORY = "/dev/shm"  # noqa: S108 -- a folder of our own is made in it


def main(vms: int, relocations: int, sessions: int) -> None:
    """Measure and print."""
    text = SCENARIO.format(speed=SPEED) + "".join(VMS.format(size=size, vms=vms // 4) for size in SIZES_GIB)
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="vrelocate-bench-", dir=memory) as name:
        folder = Path(name)
        os.environ["TMPDIR"] = name
        scenario = folder / "scenario.yaml"
        scenario.write_text(text, encoding="utf-8")
        with made("plain vcsim", vms, folder, "--scenario", scenario, "--plain") as (_, plain_seconds):
            pass
        with made("the simulator", vms, folder, "--scenario", scenario) as (vcenter, seconds):
            print(f"making it, over plain vcsim: {seconds / plain_seconds:.2f}")
            relocate(vcenter, relocations, sessions)
            print(f"memory: {megabytes(vcenter.pid, 'VmHWM')} MB at most")


@contextmanager
def made(what: str, vms: int, folder: Path, *flags: str | Path) -> Iterator[tuple[RunningVCenter, float]]:
    """Make a vCenter, print how long that took and what it takes of memory; yield it and the seconds."""
    began = time.monotonic()
    with running_vcenter(folder, *flags) as vcenter:
        seconds = time.monotonic() - began
        memory = megabytes(vcenter.pid, "VmHWM")
        print(f"{what}: {vms} VMs in {seconds:.1f} s, {cpu_seconds(vcenter.pid):.1f} s of CPU, {memory} MB")
        yield vcenter, seconds


def relocate(vcenter: RunningVCenter, relocations: int, sessions: int) -> None:
    """Run all relocations at once, wait for their ends, read VMs from other sessions meanwhile."""
    service = connect(vcenter)
    everything = stopped_machines(service)
    machines = everything[:: max(1, len(everything) // relocations)][:relocations]
    targets = [pool for pool in datastores(service) if pool.name.startswith("new-")]
    with ThreadPoolExecutor(8) as pool:
        tasks = list(
            pool.map(
                lambda pair: pair[1].RelocateVM_Task(vim.vm.RelocateSpec(datastore=targets[pair[0] % len(targets)])),
                enumerate(machines),
            )
        )
    waiter = Waiter(vcenter, service, tasks)
    watched_from = time.time()
    cpu, began = cpu_seconds(vcenter.pid), time.monotonic()
    stop = threading.Event()
    with ThreadPoolExecutor(sessions) as pool:
        readers = [pool.submit(read_names, vcenter, machines[n % len(machines)], stop) for n in range(sessions)]
        ends = waiter.until_ended(len(tasks))
        seconds = time.monotonic() - began
        cores = (cpu_seconds(vcenter.pid) - cpu) / seconds
        stop.set()
        reads = [took for reader in readers for took in reader.result()]
    known = [arrived - ended for ended, arrived in ends if ended > watched_from]
    print(f"{len(tasks)} relocations at once, {sessions} sessions reading: {seconds:.0f} s, {cores:.2f} cores")
    print(f"{waiter.updates / seconds:.0f} updates/s in {waiter.answers / seconds:.0f} answers/s")
    print(f"a task's end is known after {spread(known)} ({len(known)} ends)")
    print(f"a VM's name and datastores are read in {spread(reads)} ({len(reads)} reads)")


def connect(vcenter: RunningVCenter) -> vim.ServiceInstance:
    """Log in, as a client that trusts this vCenter."""
    host, port = address(vcenter)
    log_in: Any = SmartConnect  # pyVim has no types
    return log_in(host=host, port=port, user=vcenter.username, pwd=vcenter.password, sslContext=unverified())


def stopped_machines(service: vim.ServiceInstance) -> list[vim.VirtualMachine]:
    """Return all VMs."""
    content = service.RetrieveContent()
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], recursive=True)
    return list(view.view)


def datastores(service: vim.ServiceInstance) -> list[vim.Datastore]:
    """Return the datastores of the one datacenter."""
    return list(service.RetrieveContent().rootFolder.childEntity[0].datastore)


def spread(seconds: list[float]) -> str:
    """Say median, 99 of 100 and worst, in milliseconds."""
    ordered = sorted(seconds)
    nearly_all = ordered[len(ordered) * 99 // 100]
    return f"{statistics.median(ordered) * 1000:.0f} ms (median), {nearly_all * 1000:.0f} ms (99 of 100)"


def megabytes(pid: int, field: str) -> int:
    """Return a figure of /proc/PID/status, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) // 1000
    raise ValueError(field)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [10_000, 640, 100][len(given) :]))
