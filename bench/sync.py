"""How long a sync of 2,000 VMs takes, and how its reading compares with pyVmomi's own objects, in one run.

    .venv/bin/python -m bench.sync [VMS] [ROUNDS]

Starts a simulated vCenter and a PostgreSQL of its own. The peer reads the same properties of the same VMs by one
RetrievePropertiesEx over a container view, as pyVmomi's samples do; rounds of both take turns. Prints medians and
ratios.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr

from app.devstack.postgres import Postgres
from app.inventory.sync import sync_vcenter
from app.inventory.vcenters import add_vcenter, session_to
from app.vsphere.endpoint import Endpoint
from app.vsphere.inventory import read_inventory
from app.vsphere.machines import machine_spec
from app.vsphere.pyvmomi import vim, vmodl
from app.vsphere.session import Session
from migrations.schema import upgrade
from tests.running.installation import installed
from tests.running.vcenter import RunningVCenter, running_vcenter

SCENARIO = """
datacenters:
  - name: dc1
    clusters: [{{name: cluster-a, hosts: ["esx-{{1..8}}"]}}]
    datastores: [{{name: "ds-{{1..8}}", capacity: 64TiB, hosts: [cluster-a]}}]
    vms:
      - name: vm-{{0001..{vms:04}}}
        cluster: cluster-a
        datastore: ds-{{1..8}}
        disks: [{{size: 16GiB}}, {{size: 40GiB, kind: thick}}]
    disks: [{{path: "[ds-1] loose/data-{{001..200}}.vmdk", size: 10GiB}}]
"""


def main(vms: int, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="vrelocate-bench-") as name:
        folder = Path(name)
        scenario = folder / "scenario.yaml"
        scenario.write_text(SCENARIO.format(vms=vms), encoding="utf-8")
        with running_vcenter(folder, "--scenario", scenario) as vcenter, Postgres(folder / "postgres") as postgres:
            upgrade(postgres.url)
            environment = {
                "VRELOCATE_DATABASE_URL": postgres.url,
                "VRELOCATE_REDIS_URL": "redis://127.0.0.1:1/0",  # a sync rings nobody
                "VRELOCATE_MASTER_KEY": Fernet.generate_key().decode(),
            }
            with installed(environment):
                measure(vcenter, rounds)


def measure(vcenter: RunningVCenter, rounds: int) -> None:
    """Sync and read in turns."""
    vcenter_id = add_vcenter(
        name="bench",
        url=vcenter.url,
        username=vcenter.username,
        password=vcenter.password,
        thumbprint=vcenter.thumbprint,
        insecure=False,
    )
    began = time.monotonic()
    report = sync_vcenter(vcenter_id)
    print(
        f"first sync: {time.monotonic() - began:.2f} s for {report.virtual_machines} VMs and {report.volumes} volumes "
        f"({report.read_seconds:.2f} s reading, {report.write_seconds:.2f} s writing)"
    )
    endpoint = Endpoint(vcenter.url, vcenter.username, SecretStr(vcenter.password), vcenter.thumbprint)
    peer = Session(endpoint, timeout_seconds=120)
    figures: dict[str, list[float]] = {"sync again": [], "our reading": [], "pyVmomi's reading": []}
    for _ in range(rounds):
        figures["sync again"].append(seconds(lambda: sync_vcenter(vcenter_id)))
        figures["our reading"].append(seconds(lambda: read_inventory(session_to(vcenter_id), "vrelocate-storage")))
        figures["pyVmomi's reading"].append(seconds(lambda: read_as_pyvmomi(peer)))
    peer.close()
    for name, values in figures.items():
        print(f"{name}: median {statistics.median(values):.2f} s of {rounds} ({min(values):.2f} to {max(values):.2f})")
    ratio = statistics.median(figures["our reading"]) / statistics.median(figures["pyVmomi's reading"])
    print(f"our reading, files and tags of all datastores included, over pyVmomi's of the VMs alone: {ratio:.2f}")


def read_as_pyvmomi(session: Session) -> int:
    """Read every VM's properties into pyVmomi's objects; returns how many VMs there were."""

    def ask(content: vim.ServiceInstanceContent) -> int:
        view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], recursive=True)
        members = vmodl.query.PropertyCollector.TraversalSpec(
            name="members", path="view", skip=False, type=vim.view.ContainerView
        )
        spec = vmodl.query.PropertyCollector.FilterSpec(
            objectSet=[vmodl.query.PropertyCollector.ObjectSpec(obj=view, skip=True, selectSet=[members])],
            propSet=[machine_spec()],
        )
        collector, options = content.propertyCollector, vmodl.query.PropertyCollector.RetrieveOptions()
        page, read = collector.RetrievePropertiesEx([spec], options), 0
        while page is not None:
            read += len(page.objects)
            page = collector.ContinueRetrievePropertiesEx(page.token) if page.token else None
        view.DestroyView()
        return read

    return session.call(ask)


def seconds(what: Callable[[], object]) -> float:
    """Return how long `what` takes."""
    began = time.monotonic()
    what()
    return time.monotonic() - began


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:]] or (2000, 3))
