"""The peers of `bench.following`, each a program that begins relocations and waits for their ends in its own way.

    python -m bench.waiters pyvim|oslo|govc

Reads a line of JSON for each lot of VMs (`{"vms": […], "to": datastore}`) and writes one for each end, with the time at
which it knew (`{"vm": name, "at": seconds of the epoch}`); the first line that it writes is `{}`: it has logged in.

Each is given what makes it good: pyVim's threads a property collector each (with the shared one, which is its default,
every end wakes all of them) and as many kept connections; oslo.vmware the green threads that Nova runs it in, Nova's
interval of 0.5 s, and a large pool of connections.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

GOVC = Path(sys.prefix) / "bin" / "vrelocate-govc"
POLL_SECONDS = 0.5
CONNECTIONS = 1000
URL, USERNAME, PASSWORD = "BENCH_VCENTER_URL", "BENCH_VCENTER_USERNAME", "BENCH_VCENTER_PASSWORD"
_FAILED = "failed"

Begin = Callable[[str, str], None]
"""Begins one VM's relocation to a datastore and waits for its end."""

_writing = threading.Lock()


def tell(**content: object) -> None:
    """Write a line."""
    with _writing:
        sys.stdout.write(json.dumps(content) + "\n")
        sys.stdout.flush()


def waited_for(begin: Begin, vm: str, to: str) -> None:
    """Move one VM, and tell when its end was known."""
    try:
        begin(vm, to)
    except Exception as error:  # noqa: BLE001  # whatever the peer raises: its end is not known, and the bench says so
        tell(vm=vm, error=f"{_FAILED}: {error}"[:500])
    else:
        tell(vm=vm, at=time.time())


def in_threads(begin: Begin) -> None:
    """Wait in a thread for each VM, for as long as there are lines."""
    tell()
    for line in sys.stdin:
        lot = json.loads(line)
        for vm in lot["vms"]:
            threading.Thread(target=waited_for, args=(begin, vm, lot["to"]), daemon=True).start()


def pyvim() -> None:
    """`pyVim.task.WaitForTask` in threads, one session."""
    from pyVim.connect import SmartConnect  # noqa: PLC0415  # each peer loads its own library alone
    from pyVim.task import WaitForTask  # noqa: PLC0415

    from app.vsphere.pyvmomi import vim, vmodl  # noqa: PLC0415
    from bench.soap import unverified  # noqa: PLC0415

    url = urlsplit(os.environ[URL])
    connect: Any = SmartConnect  # pyVim has no types
    wait: Any = WaitForTask
    service = connect(
        host=url.hostname, port=url.port, user=os.environ[USERNAME], pwd=os.environ[PASSWORD], sslContext=unverified()
    )
    service._stub.poolSize = CONNECTIONS
    content = service.RetrieveContent()
    query = vmodl.query.PropertyCollector

    def named(kind: Any) -> dict[str, Any]:  # noqa: ANN401  # pyVmomi has no types
        view = content.viewManager.CreateContainerView(content.rootFolder, [kind], recursive=True)
        members = query.TraversalSpec(name="members", path="view", skip=False, type=vim.view.ContainerView)
        spec = query.FilterSpec(
            objectSet=[query.ObjectSpec(obj=view, skip=True, selectSet=[members])],
            propSet=[query.PropertySpec(type=kind, pathSet=["name"])],
        )
        found: dict[str, Any] = {}
        page = content.propertyCollector.RetrievePropertiesEx([spec], query.RetrieveOptions())
        while page is not None:
            found |= {item.propSet[0].val: item.obj for item in page.objects}
            more = content.propertyCollector.ContinueRetrievePropertiesEx
            page = more(page.token) if page.token else None
        return found

    machines, datastores = named(vim.VirtualMachine), named(vim.Datastore)

    def begin(vm: str, to: str) -> None:
        task = machines[vm].RelocateVM_Task(vim.vm.RelocateSpec(datastore=datastores[to]))
        collector = content.propertyCollector.CreatePropertyCollector()
        wait(task, pc=collector)

    in_threads(begin)


def oslo() -> None:
    """`VMwareAPISession.wait_for_task` in green threads, one session."""
    # Before anything else is imported that it changes.
    import eventlet  # type: ignore[import-untyped]  # noqa: PLC0415

    eventlet.monkey_patch()
    from eventlet.hubs import trampoline  # type: ignore[import-untyped]  # noqa: PLC0415
    from oslo_vmware import vim_util  # type: ignore[import-untyped]  # noqa: PLC0415
    from oslo_vmware.api import VMwareAPISession  # type: ignore[import-untyped]  # noqa: PLC0415

    from tests.contract.clients.wsdl import described  # noqa: PLC0415

    # A vCenter serves its description of 10 MB, vcsim serves none: this one has what is called here.
    methods = [
        *("RetrieveServiceContent", "Login", "Logout", "SessionIsActive", "RetrievePropertiesEx"),
        *("ContinueRetrievePropertiesEx", "CreateContainerView", "DestroyView", "RelocateVM_Task"),
    ]
    with tempfile.NamedTemporaryFile(suffix=".wsdl") as wsdl:
        wsdl.write(described(methods, ["TaskInfo", "TraversalSpec", "TaskReasonUser"]))
        wsdl.flush()
        url = urlsplit(os.environ[URL])
        session = VMwareAPISession(
            host=url.hostname, port=url.port, server_username=os.environ[USERNAME],
            server_password=os.environ[PASSWORD], api_retry_count=10, task_poll_interval=POLL_SECONDS,
            wsdl_loc=Path(wsdl.name).as_uri(), insecure=True, pool_size=CONNECTIONS,
        )  # fmt: skip

        def named(kind: str) -> dict[str, Any]:
            page = session.invoke_api(vim_util, "get_objects", session.vim, kind, 10_000, ["name"])
            return {item.propSet[0].val: item.obj for item in page.objects}

        machines, datastores = named("VirtualMachine"), named("Datastore")

        def begin(vm: str, to: str) -> None:
            spec = session.vim.client.factory.create("ns0:VirtualMachineRelocateSpec")
            spec.datastore = datastores[to]
            session.wait_for_task(session.invoke_api(session.vim, "RelocateVM_Task", machines[vm], spec=spec))

        tell()
        rest = b""
        while True:
            trampoline(0, read=True)
            read = os.read(0, 1 << 20)
            if not read:
                return
            *lines, rest = (rest + read).split(b"\n")
            for lot in map(json.loads, lines):
                for vm in lot["vms"]:
                    eventlet.spawn(waited_for, begin, vm, lot["to"])


def govc() -> None:
    """`govc vm.migrate`, a process for each VM; they share the session that govc keeps in its home."""
    home = tempfile.mkdtemp(prefix="govc-", dir=os.environ.get("TMPDIR"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOVC_")} | {
        "GOVC_URL": os.environ[URL],
        "GOVC_USERNAME": os.environ[USERNAME],
        "GOVC_PASSWORD": os.environ[PASSWORD],
        "GOVC_INSECURE": "true",
        "GOVMOMI_HOME": home,
    }

    def run(*arguments: str) -> None:
        subprocess.run([GOVC, *arguments], env=environment, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    run("about")
    in_threads(lambda vm, to: run("vm.migrate", "-ds", to, vm))


if __name__ == "__main__":
    {"pyvim": pyvim, "oslo": oslo, "govc": govc}[sys.argv[1]]()
    os._exit(0)  # the threads that still wait are not waited for
