"""Stores: added, marked, listed, chosen, and not used where they are not what they should be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from app.cli import main
from app.errors import InvalidParameter, NotFound, ResourceInUse
from app.secondary import leftovers
from app.secondary.errors import NoSpace, StoreUnusable
from app.secondary.models import TransferPhase
from app.secondary.stores import Room, add_store, choose, folder_of, list_rooms, list_stores, remove_store, seen_here
from tests.integration.devstack.test_full_disk import IN_TMPFS, _may_mount
from tests.integration.jobs import rows
from tests.integration.secondary.orders import MIB, carried, in_folder, order

pytestmark = pytest.mark.integration


def room() -> Room:
    [(_, room)] = list_rooms()
    assert isinstance(room, Room)
    return room


def test_a_store_is_marked_and_found_again(store_id: UUID, mount: Path) -> None:
    assert (mount / "vrelocate" / "store-id").read_text() == f"{store_id}\n"
    assert oct((mount / "vrelocate").stat().st_mode & 0o777) == "0o700"
    usable, missing = seen_here()
    assert (list(usable), missing) == ([store_id], {})
    seen = room()
    assert 0 < seen.available_bytes == seen.free_bytes <= seen.total_bytes


@pytest.mark.parametrize("second", [("nfs-1", "elsewhere"), ("nfs-2", "secondary"), ("nfs-2", "x/../secondary")])
def test_a_name_and_a_path_are_one_stores(store_id: UUID, tmp_path: Path, second: tuple[str, str]) -> None:
    assert store_id
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(InvalidParameter, match="already"):
        add_store(second[0], tmp_path / second[1])


def test_what_cannot_be_a_store(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="no absolute path"):
        add_store("a", Path("relative"))
    with pytest.raises(StoreUnusable, match="no folder on this machine"):
        add_store("a", tmp_path / "missing")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnusable, match="no folder on this machine"):
        add_store("a", tmp_path / "file")
    (tmp_path / "another's" / "vrelocate").mkdir(parents=True)
    (tmp_path / "another's" / "vrelocate" / "store-id").write_text(f"{uuid4()}\n")
    with pytest.raises(StoreUnusable, match="belongs to another installation"):
        add_store("a", tmp_path / "another's")
    assert list_stores() == []


def test_a_mount_point_on_which_nothing_is_mounted_is_no_store(store_id: UUID, mount: Path) -> None:
    [store] = list_stores()
    away = mount.rename(mount.with_name("away"))
    mount.mkdir()
    with pytest.raises(StoreUnusable, match="mount it there"):
        folder_of(store)
    usable, missing = seen_here()
    assert usable == {}
    assert missing.keys() == {"nfs-1"}
    with pytest.raises(StoreUnusable, match="mount it there"):
        choose(1)
    shutil.copytree(away, mount, dirs_exist_ok=True)
    (mount / "vrelocate" / "store-id").write_text(f"{uuid4()}\n")
    with pytest.raises(StoreUnusable, match="another secondary store"):
        folder_of(store)
    (mount / "vrelocate" / "store-id").write_text(f"{store_id}\n")
    assert folder_of(store) == mount / "vrelocate"


def test_room_that_others_are_going_to_fill_is_not_given_twice(store_id: UUID, pool: Path) -> None:
    (pool / "a").write_bytes(b"a" * MIB)
    free = room().free_bytes
    assert choose(free - 64 * MIB) == store_id
    ordered = order(store_id, (in_folder(pool, "a"), in_folder(pool, "b"), free // 2))
    assert room().reserved_bytes == free // 2
    with pytest.raises(NoSpace, match="available: "):
        choose(free - 64 * MIB)
    assert carried(ordered, store_id).phase is TransferPhase.DONE
    assert room().reserved_bytes == 0


def test_without_a_store_it_is_said_how_to_get_one() -> None:
    with pytest.raises(StoreUnusable, match="vrelocate secondary add"):
        choose(1)


def test_a_store_is_forgotten_when_nothing_is_on_it(store_id: UUID, pool: Path, mount: Path) -> None:
    (pool / "a").write_bytes(b"a")
    ordered = order(store_id, (in_folder(pool, "a"), in_folder(pool, "b"), 1))
    with pytest.raises(NotFound, match="known: nfs-1"):
        remove_store("nfs-2")
    with pytest.raises(ResourceInUse):
        remove_store("nfs-1")
    carried(ordered, store_id)
    with pytest.raises(ResourceInUse):
        remove_store("nfs-1")
    rows.end(ordered.job_id)
    assert leftovers.clear(ordered.job_id)
    remove_store("nfs-1")
    assert list_stores() == []
    assert add_store("again", mount) != store_id


def test_the_commands(mount: Path) -> None:
    def vrelocate(*arguments: str) -> str:
        ran = CliRunner().invoke(main.app, ["secondary", *arguments])
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    added = json.loads(vrelocate("add", "nfs-1", "--path", str(mount), "--json"))
    [listed] = json.loads(vrelocate("list", "--json"))
    assert (listed["id"], listed["name"], listed["path"]) == (added["id"], "nfs-1", str(mount))
    assert listed["free"] > 0
    assert str(mount) in vrelocate("list")
    (mount / "vrelocate" / "store-id").rename(mount / "vrelocate" / "gone")
    [listed] = json.loads(vrelocate("list", "--json"))
    assert "mount it there" in listed["trouble"]
    assert "mount it there" in vrelocate("list")
    assert json.loads(vrelocate("remove", "nfs-1", "--json")) == {"name": "nfs-1", "removed": True}
    assert json.loads(vrelocate("list", "--json")) == []


FILLS_UP = """
import sys
from pathlib import Path
from app.secondary import copying
from app.secondary.stores import add_store
from tests.integration.secondary.orders import carried, in_folder, order
mount, pool = Path(sys.argv[1]), Path(sys.argv[2])
store_id = add_store("tiny", mount)
size = (pool / "a.raw").stat().st_size
ordered = order(store_id, (in_folder(pool, "a.raw"), in_folder(pool, "b.raw"), size))
real = copying.Copy._download
def download(self, file):
    (mount / "ballast").write_bytes(bytes(8 << 20))
    real(self, file)
copying.Copy._download = download
state = carried(ordered, store_id)
print(state.phase.value, state.fault, state.fault_class, state.message)
print(sorted(path.name for path in (mount / "vrelocate").iterdir()))
"""


def test_a_store_that_becomes_full_in_mid_copy(environment: dict[str, str], tmp_path: Path, pool: Path) -> None:
    """A real file system of 12 MiB, on which somebody else takes 8 while 6 are being copied."""
    mount = tmp_path / "tiny"
    mount.mkdir()
    if not _may_mount(mount):
        pytest.skip("this machine lets us mount nothing, not even in a namespace")
    (pool / "a.raw").write_bytes(os.urandom(6 * MIB))
    ran = subprocess.run(
        [*IN_TMPFS, "12m", mount, sys.executable, "-c", FILLS_UP, mount, pool],
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[3],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    outcome, left = [line for line in ran.stdout.splitlines() if "carry." not in line]
    assert outcome.startswith("failed NoSpace retry_when_changed no room is left for "), ran.stdout
    assert left == "['store-id']"
    assert sorted(path.name for path in pool.iterdir()) == ["a.raw"]
