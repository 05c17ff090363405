"""What `vrelocate up` says when it cannot start: what is wrong, and what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

UP = [sys.executable, "-m", "app.cli.main", "up"]
CONFIGURATION = 3  # the exit code for everything that has to be set right first


def refusal(*options: str | Path, before: tuple[str | Path, ...] = (), more: dict[str, str] | None = None) -> str:
    """Run one that cannot start; return what it says, on one line."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("VRELOCATE_")}
    ours = {name: value for name, value in ours.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    run = subprocess.run(
        [*before, *UP, *options], check=False, capture_output=True, text=True, timeout=120, env={**ours, **(more or {})}
    )
    assert run.returncode == CONFIGURATION, run.stderr
    assert "Traceback" not in run.stderr
    return " ".join(run.stderr.split())


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal("--state-dir", tmp_path / "state", "--port", str(port))
    assert f"port {port} on 127.0.0.1 is in use" in said
    assert "--port 0" in said


def test_a_missing_folder(tmp_path: Path) -> None:
    said = refusal("--state-dir", tmp_path / "missing" / "state", "--port", "0")
    assert f"{tmp_path}/missing does not exist: make that folder first" in said


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    said = refusal("--state-dir", tmp_path / "state", "--port", "0")
    assert f"{tmp_path}/state cannot be the state folder: a file is in the way" in said


def test_a_ready_file_that_cannot_be(tmp_path: Path) -> None:
    said = refusal("--state-dir", tmp_path / "state", "--ready-file", tmp_path / "missing" / "ready.json")
    assert f"there is no folder {tmp_path}/missing" in said
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ("VRELOCATE_POSTGRES_BIN", "no postgres and initdb in that folder"),
        ("VRELOCATE_VALKEY_BIN", "no valkey-server or redis-server in that folder"),
    ],
)
def test_missing_programs(tmp_path: Path, variable: str, reason: str) -> None:
    said = refusal("--state-dir", tmp_path / "state", "--port", "0", more={variable: str(tmp_path)})
    assert f"{variable}={tmp_path}: {reason}" in said


def test_a_server_that_dies_on_start_is_quoted(tmp_path: Path) -> None:
    dying = tmp_path / "bin" / "valkey-server"
    dying.parent.mkdir()
    dying.write_text("#!/bin/sh\necho 'no memory left in this world'\nexit 7\n", encoding="ascii")
    dying.chmod(0o755)
    said = refusal("--state-dir", tmp_path / "state", "--port", "0", more={"VRELOCATE_VALKEY_BIN": str(dying.parent)})
    assert "valkey exited with status 7 while starting" in said
    assert f"{tmp_path}/state/logs/valkey.log" in said
    assert "no memory left in this world" in said


def test_a_database_of_yours_that_does_not_answer(tmp_path: Path) -> None:
    url = "postgresql://u:s3cret@127.0.0.1:9/d"
    said = refusal("--state-dir", tmp_path / "state", "--port", "0", more={"VRELOCATE_DATABASE_URL": url})
    assert "`vrelocate db upgrade` exited with status 3" in said
    assert "the database does not answer" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("size", ["4k", "24m"], ids=["at our first file", "at the database"])
def test_a_full_disk(tmp_path: Path, size: str) -> None:
    mount_point = tmp_path / "tiny"
    mount_point.mkdir()
    # As in tests/integration/devstack/test_full_disk.py: a tiny file system in a mount namespace of its own.
    user = () if os.geteuid() == 0 else ("--user", "--map-current-user", "--keep-caps")
    mount = f'mount -t tmpfs -o size={size},nr_inodes=5k tmpfs "$0" && exec "$@"'
    before = ("unshare", "--mount", *user, "sh", "-c", mount, mount_point)
    if subprocess.run([*before, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets us mount nothing, not even in a namespace")
    said = refusal("--state-dir", mount_point / "state", "--port", "0", before=before)
    assert "No space left on device" in said
