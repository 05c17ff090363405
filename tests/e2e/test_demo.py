"""`vrelocate demo`, as `make demo` calls it: every outcome as expected, and nothing left behind, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.running.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DEMO = [sys.executable, "-m", "app.cli.main", "demo"]
SECONDS = 240


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Put the demo's folder where the test can look; name servers that it must not touch."""
    (tmp_path / "tmp").mkdir()
    return {
        **os.environ,
        "TMPDIR": str(tmp_path / "tmp"),
        "DATABASE_URL": "postgresql://somebody:secret@127.0.0.1:1/production",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "VRELOCATE_STATE_DIR": str(tmp_path / "production"),
    }


def left_behind(environment: dict[str, str]) -> list[str]:
    """Return what is still in the folder, and every process that still works in it."""
    folder = Path(environment["TMPDIR"])
    commands = (Path(entry) / "cmdline" for entry in Path("/proc").iterdir() if entry.name.isdigit())
    found = [str(it) for it in folder.iterdir()]
    for command in commands:
        try:
            told = command.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has just ended
        if str(folder) in told:
            found.append(told)
    return found


def test_every_disk_is_where_it_was_expected(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [*DEMO, "--json"], env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["as_expected"] is True

    migrations = {migration["name"]: migration for migration in told["migrations"]}
    assert Counter(migration["expected"].split(":")[0] for migration in migrations.values()) == {
        "moved": 15,
        "fails half-way, moved on its retry": 1,
        "refused": 3,
    }
    assert migrations["flaky-01"]["happened"] == "failed with FileLocked, moved at attempt 2"
    disks = [disk for migration in migrations.values() for disk in migration["disks"]]
    assert len(disks) == 27
    assert all(disk["verified"] for disk in disks)
    moved = [disk for disk in disks if disk["bytes"]]
    assert {(disk["from_pool"], disk["to_pool"]) for disk in moved} == {("ds-old", "ds-new")}
    assert len(moved) == 24
    assert all(disk["seconds"] > 0 for disk in moved)

    assert "\x1b" not in ended.stderr, "a log gets no control characters"
    for step in ("PostgreSQL answers", "asking for 10 stopped VMs and 5 detached disks", "relocating", "✓ app-10"):
        assert step in ended.stderr
    assert left_behind(environment) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_half_way_it_leaves_nothing_behind(
    environment: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    said = tmp_path / "said"
    with said.open("w") as stream, subprocess.Popen(DEMO, env=environment, stdout=stream, stderr=stream) as demo:
        until(lambda: "relocating" in said.read_text() or demo.poll() is not None, SECONDS)
        assert demo.poll() is None, said.read_text()
        demo.send_signal(number)
        assert demo.wait(SECONDS) == 130, said.read_text()
    assert "Traceback" not in said.read_text()
    assert left_behind(environment) == []


def test_killed_outright_it_leaves_no_process(environment: dict[str, str], tmp_path: Path) -> None:
    said = tmp_path / "said"
    with said.open("w") as stream, subprocess.Popen(DEMO, env=environment, stdout=stream, stderr=stream) as demo:
        until(lambda: "relocating" in said.read_text() or demo.poll() is not None, SECONDS)
        assert demo.poll() is None, said.read_text()
        demo.kill()
    (folder,) = Path(environment["TMPDIR"]).iterdir()
    until(lambda: left_behind(environment) == [str(folder)], SECONDS, "every process ends")


def test_what_cannot_start_says_why_and_keeps_the_logs(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        DEMO, env={**environment, "PATH": "", "VRELOCATE_RETRY_MAX_ATTEMPTS": "none"}, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "set VRELOCATE_RETRY_MAX_ATTEMPTS in the environment" in ended.stderr
    assert "logs are kept in" in ended.stderr
