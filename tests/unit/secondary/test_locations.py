"""Where files are: what may be said, and that it is read back as it was written."""

from __future__ import annotations

from uuid import uuid4

import pytest
from pydantic import ValidationError

from app.secondary.locations import DatastoreLocation, FolderLocation, Parcel, location_from_json
from app.vsphere.datastore_files import DatastoreFile

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../above", "a/../../b", "folder/", "a\0b"])
def test_a_path_that_leads_out_of_its_place_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        FolderLocation(root="/pool", path=path)
    with pytest.raises(ValidationError):
        DatastoreLocation(vcenter_id=uuid4(), datacenter_path="dc1", datastore="old", path=path)


def test_a_folder_is_absolute() -> None:
    with pytest.raises(ValidationError):
        FolderLocation(root="pool", path="a.qcow2")


@pytest.mark.parametrize(
    "location",
    [
        DatastoreLocation(vcenter_id=uuid4(), datacenter_path="f/dc 1", datastore="old [1]", path="vm/ü 100%#.vmdk"),
        FolderLocation(root="/pools/a", path="images/root.qcow2"),
    ],
    ids=lambda location: location.kind,
)
def test_a_location_is_read_back_from_json(location: DatastoreLocation | FolderLocation) -> None:
    parcel = Parcel(source=location, target=location, size_bytes=1)
    assert location_from_json(parcel.model_dump(mode="json")["source"]) == location


def test_every_sign_of_an_address_is_escaped() -> None:
    file = DatastoreFile("folder/dc 1", "old & [new]", "vm+1/a b [c]#1 100%25?ü.vmdk")
    assert file.address == (
        "/folder/vm%2B1/a%20b%20%5Bc%5D%231%20100%2525%3F%C3%BC.vmdk"
        "?dcPath=folder%2Fdc%201&dsName=old%20%26%20%5Bnew%5D"
    )
