"""A vCenter to test against, once as govmomi ships it (`plain`) and once as the simulated one (`simulated`)."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.vsphere.endpoint import Endpoint
from app.vsphere.facts import Inventory, TaskSnapshot, VirtualMachine
from app.vsphere.inventory import read_inventory
from app.vsphere.pyvmomi import vim
from app.vsphere.session import Session
from app.vsphere.task_watch import TaskWatch

BINARY = Path(sys.prefix) / "bin" / "vrelocate-vcsim"
MODEL = ["-dc", "1", "-cluster", "1", "-host", "2", "-standalone-host", "0", "-ds", "2", "-vm", "4", "-autostart=false"]
USERNAME, PASSWORD = "tester", "only for this test"
STOP_SECONDS = 10
END_SECONDS = 60
CATEGORY = "vrelocate-storage"


@dataclass(frozen=True)
class VCenter:
    """A running vCenter, and what a test needs of it."""

    endpoint: Endpoint
    is_plain: bool
    pid: int

    def but(self, **changes: object) -> Endpoint:
        """The endpoint with something changed."""
        return replace(self.endpoint, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["plain", "simulated"])
def vcenter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VCenter]:
    if not BINARY.exists():
        pytest.fail(f"{BINARY} is missing: run `make simulator`")
    is_plain = request.param == "plain"
    ready = tmp_path_factory.mktemp("vcenter") / "ready.json"
    process = subprocess.Popen(
        [BINARY, "--listen", "127.0.0.1:0", "--ready-file", ready, "--die-with-parent", *MODEL]
        + (["--plain"] if is_plain else ["--speed", "10"]),
        env={**os.environ, "VCSIM_USERNAME": USERNAME, "VCSIM_PASSWORD": PASSWORD},
        stdin=subprocess.PIPE,  # closed with us, however we end: then it ends too
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), f"the simulator ended with exit code {process.wait(STOP_SECONDS)}"
            told = json.loads(ready.read_text())
            yield VCenter(
                endpoint=Endpoint(
                    url=told["url"],
                    username=USERNAME,
                    password=SecretStr(PASSWORD),
                    thumbprint=told["thumbprint"],
                ),
                is_plain=is_plain,
                pid=process.pid,
            )
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


@pytest.fixture
def session(vcenter: VCenter) -> Iterator[Session]:
    session = Session(vcenter.endpoint, timeout_seconds=30)
    yield session
    session.close()


@pytest.fixture
def inventory(session: Session) -> Inventory:
    return read_inventory(session, CATEGORY)


@pytest.fixture
def machines(inventory: Inventory) -> dict[str, VirtualMachine]:
    """The stopped VMs by name, DC0_C0_RP0_VM0 to 3; tests that change one take one each."""
    return {vm.name: vm for vm in inventory.virtual_machines}


@pytest.fixture
def follow(session: Session) -> Callable[[str], list[TaskSnapshot]]:
    """Follow a task to its end; every snapshot seen, the last one ended."""

    def to_its_end(task: str) -> list[TaskSnapshot]:
        watch = TaskWatch(session)
        seen: list[TaskSnapshot] = []
        deadline = time.monotonic() + END_SECONDS
        try:
            assert watch.watch([task]) == []
            while not (seen and seen[-1].ended):
                assert time.monotonic() < deadline, f"{task} does not end: {seen}"
                seen += watch.wait(5)
        finally:
            watch.close()
        return seen

    return to_its_end


@pytest.fixture
def loose_disk(
    session: Session, inventory: Inventory, follow: Callable[[str], list[TaskSnapshot]]
) -> Callable[[str], str]:
    """Make a VMDK that belongs to no VM; its path is returned."""

    def made(path: str) -> str:
        spec = vim.VirtualDiskManager.FileBackedVirtualDiskSpec(
            adapterType="lsiLogic", diskType="thin", capacityKb=64 * 1024
        )
        task = session.call(
            lambda content: (
                content.virtualDiskManager.CreateVirtualDisk_Task(
                    name=path, datacenter=session.moref("Datacenter", inventory.datacenters[0].moref), spec=spec
                )._moId
            )
        )
        assert follow(task)[-1].fault is None
        return path

    return made


class Wire:
    """A TCP relay in front of the vCenter that can fail as networks do."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.cut_next_answer = threading.Event()
        """The next bytes that come from the vCenter are not delivered: both ends are closed instead."""
        self.hold = threading.Event()
        """What comes from the vCenter is neither delivered nor answered."""
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def cut_all(self) -> None:
        """Break every connection there is; new ones may be made."""
        for pair in self._pairs:
            self._break(pair)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()
        self._accepting.join(STOP_SECONDS)

    def _accept(self) -> None:
        pumps: list[threading.Thread] = []
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            pair = (client, socket.create_connection(self._target))
            self._pairs.append(pair)
            pumps += [threading.Thread(target=self._pump, args=(pair, way)) for way in (0, 1)]
            for pump in pumps[-2:]:
                pump.start()
        for pump in pumps:
            pump.join(STOP_SECONDS)
        for pair in self._pairs:
            for end in pair:
                end.close()

    def _pump(self, pair: tuple[socket.socket, socket.socket], way: int) -> None:
        source, target = pair[way], pair[1 - way]
        from_vcenter = way == 1
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if from_vcenter and self.cut_next_answer.is_set():
                    self.cut_next_answer.clear()
                    break
                if not (from_vcenter and self.hold.is_set()):
                    target.sendall(data)
        self._break(pair)

    @staticmethod
    def _break(pair: tuple[socket.socket, socket.socket]) -> None:
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(vcenter: VCenter) -> Iterator[Wire]:
    wire = Wire((vcenter.endpoint.host, vcenter.endpoint.port))
    yield wire
    wire.close()
