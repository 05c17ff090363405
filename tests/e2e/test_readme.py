"""The README's first real migration, word for word, with a simulated vCenter in the reader's place of a real one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.devstack.pipes import pipe_holding
from app.devstack.processes import Process, Program

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
START_SECONDS = 120
STOP_SECONDS = 60
PASSWORD = "the vCenter's"

CHAPTER = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## The first real migration\n")[2]
BLOCKS = re.findall(r"^```sh\n(.*?)^```", CHAPTER, re.DOTALL | re.MULTILINE)
URL, USERNAME, THUMBPRINT = "https://vcenter.example.com", "mover@vsphere.local", "2688e027…"
VOLUME_ID, POOL_ID = "85f3b5bf-436c-4e8c-864e-0170b4a252ff", "570099a1-fcd3-44da-9ba3-3d131c85329d"


class Reader:
    """Types what the README says, in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {"HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}", "NO_PROXY": "127.0.0.1"}
        self.own: dict[str, str] = {}
        """What is the reader's own in place of the README's."""

    def script(self, block: str) -> str:
        # What they are for is done: this Python's environment is the one that `make setup` made.
        text = "\n".join(line for line in block.splitlines() if line not in {"make setup", ". .venv/bin/activate"})
        for theirs, ours in self.own.items():
            text = text.replace(theirs, ours)
        return text

    def types(self, block: str) -> str:
        """Return what a block of commands prints; each of them has to succeed."""
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", self.script(block)],
            env=self.environment,
            cwd=self.home,
            check=False,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def leaves_running(self, name: str, argv: list[str], ready: Path, *, typed: str = "", **variables: str) -> Process:
        program = Program(
            name,
            argv,
            self.home / f"{name}.log",
            {**self.environment, **variables},
            stop_timeout_seconds=STOP_SECONDS,
        )
        with pipe_holding(typed) as stdin:
            process = Process(program, stdin=stdin)
        process.wait_until(ready.exists, timeout_seconds=START_SECONDS)
        return process


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A reader with a vCenter."""
    it = Reader(tmp_path)
    program = shutil.which("vrelocate-vcsim", path=it.environment["PATH"])
    assert program, "run `make simulator`"
    ready = tmp_path / "vcenter.json"
    scenario = ["--scenario", str(ROOT / "simulator" / "scenarios" / "demo.yaml")]
    argv = [program, "--listen", "127.0.0.1:0", "--ready-file", str(ready), *scenario]
    vcenter = it.leaves_running("vcenter", argv, ready, VCSIM_USERNAME=USERNAME, VCSIM_PASSWORD=PASSWORD)
    it.own[URL] = json.loads(ready.read_text(encoding="utf-8"))["url"]
    yield it
    vcenter.stop()


def test_the_first_real_migration(reader: Reader) -> None:
    look, start, migrate, with_cs = BLOCKS
    reader.own[THUMBPRINT] = reader.types(look).strip()
    assert re.fullmatch("[0-9a-f]{64}", reader.own[THUMBPRINT])

    # The shell becomes `vrelocate up`, for a signal to reach it; its port may be another installation's here.
    script = reader.script(start).replace("vrelocate up", "exec vrelocate up --port 0")
    state = reader.home / "vrelocate"
    up = reader.leaves_running("up", ["/bin/bash", "-euc", script], state / "ready.json", typed=f"{PASSWORD}\n")
    try:
        said = reader.types(migrate)
        assert len(re.findall("✓ .*read back", said)) == 3

        ids = {}
        for what in ("volumes", "pools"):
            listed = json.loads(reader.types(f"vrelocate {what} --json --state-dir ~/vrelocate"))
            ids |= {it["name"]: it["id"] for it in listed}
        reader.own |= {VOLUME_ID: ids["data-02"], POOL_ID: ids["ds-new"]}
        said = reader.types(with_cs)
        assert '"path": "[ds-new] detached/data-02.vmdk"' in said
    finally:
        assert up.stop(), up.last_words()
    assert up.end() == "exited with status 0"
