"""`vrelocate demo`, as `make demo` calls it: every outcome as expected, and nothing left behind, however it ends."""

from __future__ import annotations

import json
import os
import shutil
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
    """Name servers and a folder that the demo must not touch."""
    return {
        **os.environ,
        "DATABASE_URL": "postgresql://somebody:secret@127.0.0.1:1/production",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "VRELOCATE_STATE_DIR": str(tmp_path / "production"),
    }


def folder_of(said: str) -> Path:
    """Return the demo's folder, as its first line names it."""
    return Path(said.splitlines()[0].removeprefix("starting everything in "))


def at_work_in(folder: Path) -> list[str]:
    """Return the command line of every process that names the folder."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told = command.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has just ended
        if str(folder) in told:
            found.append(told)
    return found


def assert_nothing_is_left_of(folder: Path) -> None:
    assert folder.name.startswith("vrelocate-demo-")
    assert not folder.exists()
    assert at_work_in(folder) == []


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
    assert_nothing_is_left_of(folder_of(ended.stderr))


@pytest.mark.parametrize(("number", "moment"), [(signal.SIGTERM, "PostgreSQL answers"), (signal.SIGINT, "relocating")])
def test_interrupted_half_way_it_leaves_nothing_behind(
    environment: dict[str, str], tmp_path: Path, number: signal.Signals, moment: str
) -> None:
    """While it starts, and in the middle of the play."""
    said = tmp_path / "said"
    with said.open("w") as stream, subprocess.Popen(DEMO, env=environment, stdout=stream, stderr=stream) as demo:
        until(lambda: moment in said.read_text() or demo.poll() is not None, SECONDS)
        assert demo.poll() is None, said.read_text()
        assert at_work_in(folder_of(said.read_text())), "this test can see the demo's processes"
        demo.send_signal(number)
        assert demo.wait(SECONDS) == 130, said.read_text()
    assert "Traceback" not in said.read_text()
    assert_nothing_is_left_of(folder_of(said.read_text()))


def test_killed_outright_it_leaves_no_process(environment: dict[str, str], tmp_path: Path) -> None:
    said = tmp_path / "said"
    with said.open("w") as stream, subprocess.Popen(DEMO, env=environment, stdout=stream, stderr=stream) as demo:
        until(lambda: "relocating" in said.read_text() or demo.poll() is not None, SECONDS)
        assert demo.poll() is None, said.read_text()
        demo.kill()
    folder = folder_of(said.read_text())
    until(lambda: not at_work_in(folder), SECONDS, "every process ends")
    shutil.rmtree(folder)


def test_what_cannot_start_says_why_and_keeps_the_logs(environment: dict[str, str]) -> None:
    wrong = {**environment, "VRELOCATE_RETRY_MAX_ATTEMPTS": "none"}
    ended = subprocess.run(DEMO, env=wrong, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "set VRELOCATE_RETRY_MAX_ATTEMPTS in the environment" in ended.stderr
    folder = folder_of(ended.stderr)
    assert f"logs are kept in {folder}" in ended.stderr
    assert (folder / "state" / "logs" / "setup.log").exists()
    assert at_work_in(folder) == []
    shutil.rmtree(folder)
