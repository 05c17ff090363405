"""Datastore paths and uuids, as vSphere and vcsim write them."""

from __future__ import annotations

import pytest

from app.vsphere.paths import DatastorePath, datastore_of
from app.vsphere.uuids import canonical_uuid

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "datastore", "file"),
    [
        ("[ds] vm/vm.vmdk", "ds", "vm/vm.vmdk"),
        ("[ds] vm/", "ds", "vm"),
        ("[ds]", "ds", ""),
        ("[ds] ", "ds", ""),
        ("[ds]/vm", "ds", "vm"),  # vcsim's folder paths
        ("[ds [1]] vm/vm.vmdk", "ds [1]", "vm/vm.vmdk"),
        ("[a b] c d/e f.vmdk", "a b", "c d/e f.vmdk"),
        ("[] /vmimages/tools-isoimages/linux.iso", "", "vmimages/tools-isoimages/linux.iso"),
    ],
)
def test_paths_are_taken_apart(text: str, datastore: str, file: str) -> None:
    assert DatastorePath.parse(text) == DatastorePath(datastore, file)
    assert datastore_of(text) == datastore


@pytest.mark.parametrize("text", ["", "vm/vm.vmdk", "/vmfs/volumes/ds/vm.vmdk", "[ds", "ds] vm"])
def test_what_is_no_path_is_none(text: str) -> None:
    assert DatastorePath.parse(text) is None
    assert datastore_of(text) is None


def test_paths_are_put_together() -> None:
    root = DatastorePath("ds", "")
    assert str(root) == "[ds]"
    assert str(root / "x.vmdk") == "[ds] x.vmdk"
    disk = root / "vm" / "x.vmdk"
    assert str(disk) == "[ds] vm/x.vmdk"
    assert (disk.folder, disk.name) == (DatastorePath("ds", "vm"), "x.vmdk")
    assert (root / "x.vmdk").folder == root


@pytest.mark.parametrize(
    "spoken",
    [
        "6000C29a-5f08-4dcd-7a3c-0123456789ab",
        "60 00 C2 9a 5f 08 4d cd-7a 3c 01 23 45 67 89 ab",
        "6000c29a5f084dcd7a3c0123456789ab",
    ],
)
def test_one_uuid_has_one_form(spoken: str) -> None:
    assert canonical_uuid(spoken) == "6000c29a-5f08-4dcd-7a3c-0123456789ab"


def test_what_is_no_uuid_stays_as_it_is() -> None:
    assert canonical_uuid("disk-1") == "disk-1"
