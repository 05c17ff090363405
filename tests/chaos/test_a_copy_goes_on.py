"""A worker is killed in the midst of a copy through secondary storage: another goes on, nobody has to do a thing."""

from __future__ import annotations

import hashlib
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.running.up import Up
from tests.running.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(200)]

VRELOCATE = [sys.executable, "-m", "app.cli.main"]
MIB = 1 << 20
SECONDS = 90


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path / "up", "--workers", "2")
    made.state_dir.parent.mkdir()
    try:
        # Leases of seconds, so that the test sees at once what is otherwise a matter of half a minute.
        made.start(VRELOCATE_LEASE_SECONDS="3", VRELOCATE_SWEEP_INTERVAL_SECONDS="0.5")
        yield made
    finally:
        made.stop()


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
    said, _ = command.communicate(timeout=SECONDS)
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


def test_who_takes_over_goes_on_behind_the_last_whole_chunk(up: Up, folders: dict[str, Path]) -> None:
    images = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folders["kvm-old"].iterdir()}
    taken = (folders["kvm-old"] / "holes.raw").stat().st_blocks
    pools = [f"--pool={name}={folders[name]}" for name in ("kvm-old", "kvm-new")]
    succeeds(types(up, "kvm", "add", "hosts", *pools))
    succeeds(types(up, "secondary", "add", "store", "--path", str(folders["secondary"])))

    copying = types(up, "migrate", "volume", "root", "--to", "kvm-new", "--wait")
    with psycopg.connect(up.ready()["database_url"]) as connection:
        dead = until(lambda: kill_whoever_is_in_the_midst(connection), SECONDS, "a worker that copies")
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
