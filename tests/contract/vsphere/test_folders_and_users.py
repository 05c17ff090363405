"""An emptied folder goes, one with something in it stays; and who has a file is known before it is deleted."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from app.vsphere.datastore_folders import is_left, remove_if_empty
from app.vsphere.datastore_listing import names_in
from app.vsphere.disks import make_directory
from app.vsphere.facts import Inventory, TaskSnapshot, VirtualMachine
from app.vsphere.file_users import users_of
from app.vsphere.paths import DatastorePath
from app.vsphere.registration import find_vm_by_path
from app.vsphere.session import Session

pytestmark = pytest.mark.contract

Follow = Callable[[str], list[TaskSnapshot]]


@pytest.fixture
def folder() -> DatastorePath:
    return DatastorePath("LocalDS_0", f"web-{uuid4().hex[:8]}")


@pytest.fixture
def going(folder: DatastorePath) -> DatastorePath:
    return DatastorePath(folder.datastore, f"{folder.file}.going")


@pytest.fixture
def datacenter(inventory: Inventory) -> str:
    return inventory.datacenters[0].moref


def test_an_empty_folder_goes(
    session: Session, datacenter: str, folder: DatastorePath, going: DatastorePath, follow: Follow
) -> None:
    make_directory(session, str(folder), datacenter)
    assert names_in(session, datacenter, folder) == []
    task = remove_if_empty(session, datacenter, folder, going)
    assert task
    assert follow(task)[-1].fault is None
    assert names_in(session, datacenter, folder) is None
    assert not is_left(session, datacenter, folder, going)
    assert remove_if_empty(session, datacenter, folder, going) is None, "again is no harm"


def test_a_folder_with_something_in_it_stays(
    session: Session, datacenter: str, folder: DatastorePath, going: DatastorePath
) -> None:
    make_directory(session, str(folder / "notes"), datacenter)
    assert not is_left(session, datacenter, folder, going)
    assert remove_if_empty(session, datacenter, folder, going) is None
    assert names_in(session, datacenter, folder) == ["notes"]


def test_what_came_into_it_while_it_was_going_comes_back_with_it(
    session: Session, datacenter: str, folder: DatastorePath, going: DatastorePath
) -> None:
    """Who had given it the other name died; somebody's file was faster."""
    make_directory(session, str(going / "notes"), datacenter)
    assert is_left(session, datacenter, folder, going)
    assert remove_if_empty(session, datacenter, folder, going) is None
    assert names_in(session, datacenter, folder) == ["notes"]
    assert names_in(session, datacenter, going) is None


def test_who_has_a_file_is_known(session: Session, datacenter: str, machines: dict[str, VirtualMachine]) -> None:
    vm = next(iter(machines.values()))
    vmx = vm.vm_path_name or ""
    asked = [vmx, vm.disks[0].path, "[LocalDS_0] nobody's/disk.vmdk"]
    assert users_of(session, datacenter, asked) == dict.fromkeys(asked[:2], vm.name)
    assert find_vm_by_path(session, datacenter, vmx) == vm.moref
    assert find_vm_by_path(session, datacenter, asked[2]) is None
