"""The simulated vCenter as a program of ours: `vrelocate-vcsim`, found, started, its address and certificate kept."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from app.devstack.ports import LOOPBACK, kept_port
from app.devstack.processes import Process, Program
from app.devstack.vcenter import Vcenter
from app.errors import ConfigurationError

PROGRAM = "vrelocate-vcsim"
VCENTER_NAME = "simulated"
USERNAME = "administrator@vsphere.local"
START_TIMEOUT_SECONDS = 120
"""An inventory of thousands of VMs takes its time."""


class Simulator:
    """The simulated vCenter of one state folder: the same URL, certificate and password over restarts."""

    name = "simulator"

    def __init__(self, folder: Path, *, password: str, log: Path, scenario: Path | None, speed: float | None) -> None:
        """Prepare. `scenario` describes its inventory (default: vcsim's model); `speed` runs its time faster."""
        self._folder = folder
        self._log = log
        self._scenario = scenario
        self._speed = speed
        self._password = password
        self._port = kept_port(folder / "port")

    def launch(self) -> Process:
        """Start it without waiting."""
        self._ready_file.unlink(missing_ok=True)
        # The files of its datastores: it begins anew each time, so what a killed one has left is of no use.
        datastores = self._folder / "datastores"
        shutil.rmtree(datastores, ignore_errors=True)
        datastores.mkdir(mode=0o700)
        arguments = [
            *("--listen", f"{LOOPBACK}:{self._port}"),
            *("--ready-file", str(self._ready_file)),
            *("--tlscert", str(self._folder / "certificate.pem")),
            *("--tlskey", str(self._folder / "key.pem")),
        ]
        if self._scenario:
            arguments += ["--scenario", str(self._scenario.absolute())]
        if self._speed:
            arguments += ["--speed", f"{self._speed:g}"]
        return Process(
            Program(
                name=self.name,
                argv=[str(simulator_program()), *arguments],
                log=self._log,
                environment={
                    **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                    "TMPDIR": str(datastores),
                    "VCSIM_USERNAME": USERNAME,
                    "VCSIM_PASSWORD": self._password,
                },
                death_signal=signal.SIGTERM,  # it has the files of its datastores to remove
            )
        )

    def answers(self) -> bool:
        """Tell whether it has said that it answers."""
        return self._ready_file.exists()

    def vcenter(self) -> Vcenter:
        """Return how to reach it; known once it answers."""
        ready = json.loads(self._ready_file.read_text(encoding="utf-8"))
        return Vcenter(
            name=VCENTER_NAME,
            url=ready["url"],
            username=USERNAME,
            password=self._password,
            thumbprint=ready["thumbprint"],
        )

    @property
    def _ready_file(self) -> Path:
        return self._folder / "ready.json"


def simulator_program() -> Path:
    """Return the simulator's binary: beside this Python, else on PATH."""
    beside = Path(sys.executable).with_name(PROGRAM)
    if beside.is_file() and os.access(beside, os.X_OK):
        return beside
    found = shutil.which(PROGRAM)
    if found:
        return Path(found)
    raise ConfigurationError(
        f"the simulated vCenter ({PROGRAM}) is neither beside {sys.executable} nor on PATH: run `make simulator`, "
        "or name a vCenter of yours with --vcenter"
    )
