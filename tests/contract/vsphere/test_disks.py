"""A detached disk is moved or deleted: nothing is overwritten, and what is said of it is true afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from app.errors import InvalidParameter
from app.vsphere.disks import delete_disk, delete_file, make_directory, move_disk, query_uuid
from app.vsphere.facts import FaultClass, Inventory, TaskSnapshot, TaskState
from app.vsphere.inventory import disk_exists
from app.vsphere.session import Session

if TYPE_CHECKING:
    from tests.contract.vsphere.conftest import VCenter

pytestmark = pytest.mark.contract

Follow = Callable[[str], list[TaskSnapshot]]


@pytest.fixture
def datacenter(inventory: Inventory) -> str:
    return inventory.datacenters[0].moref


@pytest.fixture
def move(session: Session, datacenter: str, follow: Follow) -> Callable[[str, str], TaskSnapshot]:
    """Move a disk, and return how that ended."""

    def moved(source: str, target: str) -> TaskSnapshot:
        task = move_disk(
            session,
            source_path=source,
            source_datacenter=datacenter,
            target_path=target,
            target_datacenter=datacenter,
        )
        return follow(task)[-1]

    return moved


def test_a_detached_disk_moves_to_another_datastore(
    vcenter: VCenter,
    session: Session,
    datacenter: str,
    loose_disk: Callable[[str], str],
    move: Callable[[str, str], TaskSnapshot],
) -> None:
    source, target = loose_disk("[LocalDS_0] moving.vmdk"), "[LocalDS_1] moved/here/moving.vmdk"
    uuid = query_uuid(session, source, datacenter)
    make_directory(session, "[LocalDS_1] moved/here", datacenter)
    make_directory(session, "[LocalDS_1] moved/here", datacenter)  # which is there already
    ended = move(source, target)
    assert (ended.state, ended.fault) == (TaskState.SUCCESS, None)
    found = disk_exists(session, datacenter, target)
    assert found is not None
    assert found.path == target
    assert disk_exists(session, datacenter, source) is None
    if not vcenter.is_plain:  # which makes uuids up out of paths
        assert query_uuid(session, target, datacenter) == uuid


def test_what_is_at_the_target_is_never_overwritten(
    session: Session, datacenter: str, loose_disk: Callable[[str], str], move: Callable[[str, str], TaskSnapshot]
) -> None:
    source, target = loose_disk("[LocalDS_0] same.vmdk"), loose_disk("[LocalDS_1] same.vmdk")
    uuids = [query_uuid(session, path, datacenter) for path in (source, target)]
    ended = move(source, target)
    assert ended.state is TaskState.ERROR
    assert ended.fault is not None
    assert (ended.fault.name, ended.fault.classification) == ("FileAlreadyExists", FaultClass.RECONCILE)
    assert [query_uuid(session, path, datacenter) for path in (source, target)] == uuids


def test_a_disk_that_is_not_there_cannot_be_moved(move: Callable[[str, str], TaskSnapshot]) -> None:
    ended = move("[LocalDS_0] never.vmdk", "[LocalDS_1] never.vmdk")
    assert ended.fault is not None
    assert (ended.fault.name, ended.fault.classification) == ("FileNotFound", FaultClass.PERMANENT)


def test_a_disk_is_deleted_with_its_extents(
    session: Session, datacenter: str, loose_disk: Callable[[str], str], follow: Follow
) -> None:
    make_directory(session, "[LocalDS_0] going", datacenter)
    going, staying = loose_disk("[LocalDS_0] going/one.vmdk"), loose_disk("[LocalDS_0] going/two.vmdk")
    ended = follow(delete_disk(session, going, datacenter))[-1]
    assert (ended.state, ended.fault) == (TaskState.SUCCESS, None)
    assert disk_exists(session, datacenter, going) is None
    assert disk_exists(session, datacenter, staying) is not None
    assert loose_disk(going) == going  # whose extent would be in the way
    again = follow(delete_disk(session, "[LocalDS_0] going/never.vmdk", datacenter))[-1].fault
    assert again is not None
    assert again.name == "FileNotFound"


def test_a_folder_is_deleted_with_everything_in_it(
    session: Session, datacenter: str, loose_disk: Callable[[str], str], follow: Follow
) -> None:
    make_directory(session, "[LocalDS_0] emptied/deep", datacenter)
    inside, beside = loose_disk("[LocalDS_0] emptied/deep/one.vmdk"), loose_disk("[LocalDS_0] beside.vmdk")
    ended = follow(delete_file(session, "[LocalDS_0] emptied", datacenter))[-1]
    assert (ended.state, ended.fault) == (TaskState.SUCCESS, None)
    assert disk_exists(session, datacenter, inside) is None
    assert disk_exists(session, datacenter, beside) is not None
    again = follow(delete_file(session, "[LocalDS_0] emptied", datacenter))[-1].fault
    assert again is not None
    assert again.name == "FileNotFound"


@pytest.mark.parametrize("path", ["[LocalDS_0]", "[LocalDS_0] /", "[LocalDS_0] .", "[LocalDS_0] a/..", "a", ""])
def test_a_datastore_as_a_whole_is_never_deleted(session: Session, datacenter: str, path: str) -> None:
    with pytest.raises(InvalidParameter, match="is not deleted"):
        delete_file(session, path, datacenter)
