"""Processes are killed while vCenter relocates: everything is finished all the same, and once."""

from __future__ import annotations

import hashlib
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.chaos.conftest import Target
from tests.running.endings import all_end
from tests.running.up import Up
from tests.running.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

AFTER_VCENTER_SECONDS = 30
"""Jobs are over so long after vCenter's own end at the latest (law 1: the sweep; law 2: leases run out)."""
VRELOCATE = [sys.executable, "-m", "app.cli.main"]
COMMAND_SECONDS = 120
MIB = 1 << 20


def kill(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        os.kill(pid, number)


def test_every_worker_is_killed_while_relocations_run(target: Target) -> None:
    names = ["vm-01", "vm-02", "vm-03", "vm-04", "data-01", "data-02"]
    jobs = target.relocating(*names)

    workers = target.up.ready()["pids"]["workers"]
    kill(workers)

    ended = target.over_in_vcenter()
    target.succeed(jobs, ended + AFTER_VCENTER_SECONDS - time.monotonic())
    target.moved_once(*names)
    assert not set(target.up.ready()["pids"]["workers"]) & set(workers)


def test_the_api_is_killed_and_its_jobs_go_on(target: Target) -> None:
    jobs = target.relocating("vm-05")

    before = target.up.ready()["pids"]["api"]
    kill([before])

    until(lambda: target.up.ready()["pids"]["api"] != before and answers(target), 60, "the API runs again")
    target.succeed(jobs, 90)
    target.moved_once("vm-05")


def test_the_broker_is_killed_and_what_is_accepted_meanwhile_is_not_lost(target: Target) -> None:
    names = ["vm-06", "vm-07", "data-03"]
    jobs = target.relocating(*names)
    pids = target.up.ready()["pids"]

    kill([pids["valkey"]])
    jobs += target.migrate("vm-08", "data-04")

    target.succeed(jobs, 120)
    target.moved_once(*names, "vm-08", "data-04")
    after = target.up.ready()["pids"]
    assert after["valkey"] != pids["valkey"]
    # Workers carry on by themselves: none of them had to be started again.
    assert after["workers"] == pids["workers"]


def test_the_database_is_killed_while_relocations_run(target: Target) -> None:
    names = ["vm-09", "vm-10", "data-05"]
    jobs = target.relocating(*names)
    before = target.up.ready()["pids"]

    kill([before["postgres"]])

    until(lambda: target.up.ready()["pids"]["postgres"] != before["postgres"], 60, "PostgreSQL runs again")
    target.over_in_vcenter()
    until(lambda: answers(target), 60, "the API answers again")
    target.succeed(jobs, 90)
    target.moved_once(*names)
    assert target.up.ready()["pids"]["workers"] == before["workers"]


def answers(target: Target) -> bool:
    try:
        target.client.listZones()
    except Exception:  # noqa: BLE001  # whatever the client makes of an API without its database
        return False
    return True


def test_a_worker_drains_in_seconds_and_its_jobs_are_followed_by_others(target: Target) -> None:
    names = ["vm-11", "vm-12", "data-06"]
    jobs = target.relocating(*names)

    workers = target.up.ready()["pids"]["workers"]
    kill(workers, signal.SIGTERM)
    all_end(workers, 20)

    ended = target.over_in_vcenter()
    target.succeed(jobs, ended + AFTER_VCENTER_SECONDS - time.monotonic())
    target.moved_once(*names)


def test_a_paused_worker_that_comes_back_changes_nothing(target: Target) -> None:
    """Law 2: its leases and its watch are others' by then, and its writes carry old fences."""
    names = ["vm-13", "vm-14"]
    jobs = target.relocating(*names)

    paused = target.up.ready()["pids"]["workers"][:1]
    kill(paused, signal.SIGSTOP)
    try:
        target.over_in_vcenter()
        target.succeed(jobs, 60)
    finally:
        kill(paused, signal.SIGCONT)

    jobs = target.migrate("vm-15")
    target.succeed(jobs, 60)
    target.moved_once(*names, "vm-15")


# -- workers carry bytes themselves ------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Two pools of KVM hosts, with a qcow2 and a raw image with holes in the first, and secondary storage."""
    made = {name: tmp_path / name for name in ("kvm-old", "kvm-new", "secondary")}
    for folder in made.values():
        folder.mkdir()
    with (made["kvm-old"] / "holes.raw").open("wb") as file:
        file.truncate(512 * MIB)
        for place in (0, 100, 101, 300, 511):
            file.seek(place * MIB)
            file.write(os.urandom(MIB))
    header = struct.pack(">4sIQIIQI", b"QFI\xfb", 3, 0, 0, 16, 1 << 30, 0).ljust(104, b"\0")
    (made["kvm-old"] / "root.qcow2").write_bytes(header + os.urandom(120 * MIB))
    return made


def types(up: Up, *arguments: str) -> subprocess.Popen[str]:
    environment = {**up.environment, "VRELOCATE_STATE_DIR": str(up.state_dir)}
    return subprocess.Popen(
        [*VRELOCATE, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def succeeds(command: subprocess.Popen[str]) -> str:
    said, _ = command.communicate(timeout=COMMAND_SECONDS)
    assert command.returncode == 0, said
    return said


def kill_whoever_is_in_the_midst(connection: psycopg.Connection[tuple[str, int, int]]) -> str | None:
    """Stop the carrier at its next sign of progress by having its rows; kill it then, if it has begun to write."""
    rows = connection.execute(
        """
        SELECT t.lease_owner, f.downloaded_bytes, f.size_bytes FROM transfer t
        JOIN transfer_file f ON f.transfer_id = t.id WHERE t.finished_at IS NULL FOR UPDATE
        """
    ).fetchall()
    try:
        for owner, downloaded, size in rows:
            if owner and 0 < downloaded < size:
                os.kill(int(owner.split(":")[1]), signal.SIGKILL)
                return owner
        return None
    finally:
        connection.rollback()


def test_a_worker_is_killed_in_the_midst_of_a_copy_and_another_goes_on_behind_its_last_whole_chunk(
    target: Target, folders: dict[str, Path]
) -> None:
    """Through secondary storage. The last one: from here on the installation has a second system."""
    up = target.up
    images = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folders["kvm-old"].iterdir()}
    taken = (folders["kvm-old"] / "holes.raw").stat().st_blocks
    pools = [f"--pool={name}={folders[name]}" for name in ("kvm-old", "kvm-new")]
    succeeds(types(up, "kvm", "add", "hosts", *pools))
    succeeds(types(up, "secondary", "add", "store", "--path", str(folders["secondary"])))

    copying = types(up, "migrate", "volume", "root", "--to", "kvm-new", "--wait")
    with psycopg.connect(up.ready()["database_url"]) as connection:
        dead = until(lambda: kill_whoever_is_in_the_midst(connection), COMMAND_SECONDS, "a worker that copies")
        said = succeeds(copying)
        owners = connection.execute(
            "SELECT DISTINCT detail->>'transfer', actor FROM job_event WHERE kind = 'settled' AND detail ? 'transfer'"
        ).fetchall()
        fences = connection.execute("SELECT fence FROM transfer").fetchall()
    assert "succeeded" in said
    assert fences == [(2,)], "one has carried it, and another one after it"
    assert [actor for _, actor in owners] != [dead]
    succeeds(types(up, "migrate", "volume", "holes", "--to", "kvm-new", "--wait"))

    assert list(folders["kvm-old"].iterdir()) == []
    moved = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folders["kvm-new"].iterdir()}
    assert moved == images
    assert (folders["kvm-new"] / "holes.raw").stat().st_blocks <= taken, "holes stay holes"
