"""A vCenter to test against: the simulated one, or vcsim as govmomi ships it (`--plain`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BINARY = Path(sys.prefix) / "bin" / "vrelocate-vcsim"
USERNAME, PASSWORD = "tester@vsphere.local", "only for this test"


@dataclass(frozen=True)
class RunningVCenter:
    """A vCenter that answers."""

    url: str
    thumbprint: str
    pid: int
    admin: str | None
    """Base URL of the simulated one's ledger."""
    username: str = USERNAME
    password: str = PASSWORD


@contextmanager
def running_vcenter(folder: Path, *flags: str | Path) -> Iterator[RunningVCenter]:
    """Start one with `flags`, and stop it at the end; `folder` takes its ready file."""
    assert BINARY.exists(), f"{BINARY} is missing: run `make simulator`"
    ready = folder / "vcenter.json"
    command = [BINARY, "--listen", "127.0.0.1:0", "--ready-file", ready, "--die-with-parent", *flags]
    with subprocess.Popen(
        command,
        env={**os.environ, "VCSIM_USERNAME": USERNAME, "VCSIM_PASSWORD": PASSWORD},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), f"the simulator ended with exit code {process.wait(10)}"
            told = json.loads(ready.read_text(encoding="utf-8"))
            yield RunningVCenter(
                url=told["url"], thumbprint=told["thumbprint"], pid=process.pid, admin=told.get("admin")
            )
        finally:
            process.terminate()
            process.wait(10)
