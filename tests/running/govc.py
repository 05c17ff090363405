"""govc, govmomi's command line: nobody of this project wrote it, so it may judge the simulated vCenter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.running.vcenter import RunningVCenter

BINARY = Path(sys.prefix) / "bin" / "vrelocate-govc"
END_SECONDS = 60


@dataclass(frozen=True)
class Govc:
    """Runs commands of govc against one vCenter; they share one session, as the commands of an operator's shell do."""

    vcenter: RunningVCenter
    home: Path
    """Where govc keeps its sessions."""
    certificate: Path
    """The vCenter's certificate, which is its own authority."""

    def __call__(self, *arguments: str | Path, given: str = "") -> str:
        """Return what a command says; it must end well. `given` is its standard input."""
        done = self._run(*arguments, given=given)
        assert done.returncode == 0, f"govc {' '.join(map(str, arguments))}: {done.stderr}{done.stdout}"
        return done.stdout

    def refused(self, *arguments: str | Path, given: str = "") -> str:
        """Return the error output of a command, which must fail."""
        done = self._run(*arguments, given=given)
        assert done.returncode != 0, f"govc {' '.join(map(str, arguments))} went well: {done.stdout}"
        return done.stderr

    def json(self, command: str, *arguments: str | Path, given: str = "") -> Any:  # noqa: ANN401  # as JSON is
        """Return what a command says with -json."""
        return json.loads(self(command, "-json", *arguments, given=given))

    def property(self, target: str, name: str) -> Any:  # noqa: ANN401  # the property's own type
        """Return a property of the object at an inventory path, or with a reference such as Task:task-12."""
        return self.json("object.collect", "-s", target, name)

    def disks(self, vm: str) -> list[str]:
        """Return the paths of a VM's disks, such as [ds-1] vm-01/vm-01.vmdk."""
        return [disk["backing"]["fileName"] for disk in self.json("device.info", "-vm", vm, "disk-*")["devices"]]

    def files(self, datastore: str, folder: str = "") -> set[str]:
        """Return the names in a folder of a datastore, folders among them."""
        (found,) = self.json("datastore.ls", "-ds", datastore, *([folder] if folder else []))
        return {file["path"] for file in found.get("file") or []}

    def free_bytes(self, datastore: str) -> int:
        """Return the free space of a datastore."""
        return int(self.property(f"/dc1/datastore/{datastore}", "summary.freeSpace"))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that is to be watched; use it as a context."""
        return subprocess.Popen(
            [BINARY, *arguments],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _run(self, *arguments: str | Path, given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BINARY, *arguments],
            env=self._environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=END_SECONDS,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        assert BINARY.exists(), f"{BINARY} is missing: run `make {BINARY.relative_to(Path.cwd())}`"
        return {name: value for name, value in os.environ.items() if not name.startswith("GOVC_")} | {
            "GOVC_URL": self.vcenter.url,
            "GOVC_USERNAME": self.vcenter.username,
            "GOVC_PASSWORD": self.vcenter.password,
            "GOVC_TLS_CA_CERTS": str(self.certificate),
            "GOVMOMI_HOME": str(self.home),
            # vm.check.relocate, and the -spec that gives it what to check, are hidden otherwise.
            "GOVC_SHOW_UNRELEASED": "true",
            "NO_PROXY": "127.0.0.1",
        }
