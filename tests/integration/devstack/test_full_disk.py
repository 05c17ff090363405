"""A disk that is really full: a tiny file system in a mount namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# A plain user gets the right to mount in a user namespace, as itself: PostgreSQL refuses to run as "root" there too.
_AS_PLAIN_USER = ["--user", "--map-current-user", "--keep-caps"]
UNSHARE = ["unshare", "--mount", *([] if os.geteuid() == 0 else _AS_PLAIN_USER)]
IN_TMPFS = [*UNSHARE, "sh", "-c", 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"', "sh"]

START = """
import sys
from contextlib import suppress
from pathlib import Path
from app.devstack.ports import free_port
from app.devstack.{module} import {server}
from app.errors import ConfigurationError
folder = Path(sys.argv[1]) / "server"
folder.mkdir()
(folder / "lock").write_text("4711")
if "port is known" in sys.argv:
    (folder / "port").write_text(str(free_port()))
if "fill the disk" in sys.argv:
    with suppress(OSError), (folder / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
server = {server}(folder, password="known", log=Path(sys.argv[2]))
try:
    server.start()
except ConfigurationError as error:
    print(error)
else:
    server.stop()
    print("started")
"""


def _may_mount(folder: Path) -> bool:
    return subprocess.run([*IN_TMPFS, "1m", folder, "true"], check=False, capture_output=True).returncode == 0


def start(tmp_path: Path, size: str, module: str, server: str, *before: str) -> str:
    mount_point = tmp_path / "tiny"
    mount_point.mkdir()
    if not _may_mount(mount_point):
        pytest.skip("this machine lets us mount nothing, not even in a namespace")
    code = START.format(module=module, server=server)
    run = subprocess.run(
        [*IN_TMPFS, size, mount_point, sys.executable, "-c", code, mount_point, tmp_path / "server.log", *before],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return run.stdout


pytestmark = pytest.mark.integration


@pytest.mark.parametrize("size", ["1m", "24m"], ids=["at the first file", "late"])
def test_no_room_for_a_database(tmp_path: Path, size: str) -> None:
    said = start(tmp_path, size, "postgres", "Postgres")
    assert "initdb exited with status 1" in said
    assert "No space left on device" in said


def test_no_room_for_the_brokers_file(tmp_path: Path) -> None:
    said = start(tmp_path, "64k", "valkey", "Valkey", "fill the disk", "port is known")
    assert "valkey exited with status 1 while starting" in said
    assert "No space left on device" in said


def test_no_room_for_our_own_files(tmp_path: Path) -> None:
    said = start(tmp_path, "64k", "valkey", "Valkey", "fill the disk")
    assert f"valkey: {tmp_path}/tiny/server: No space left on device" in said
