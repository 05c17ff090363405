"""Files over /folder, as far as plain vcsim goes: what is put is there, whole and in parts, and is listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

import pytest

from app.vsphere.datastore_files import DatastoreFile, DatastoreFiles
from app.vsphere.datastore_listing import ListedFile, datacenter_path, files_in
from app.vsphere.facts import Inventory
from app.vsphere.paths import DatastorePath
from app.vsphere.session import Session
from tests.contract.vsphere.conftest import VCenter

pytestmark = pytest.mark.contract

DATA = bytes(range(256)) * 4096


@pytest.fixture
def files(vcenter: VCenter) -> Iterator[DatastoreFiles]:
    with DatastoreFiles(vcenter.endpoint, timeout_seconds=30) as files:
        yield files


@pytest.fixture
def folder(session: Session, inventory: Inventory) -> DatastoreFile:
    """A folder that is made with its first file."""
    datacenter = datacenter_path(session, inventory.datacenters[0].moref)
    return DatastoreFile(datacenter, inventory.datastores[0].name, "made here/by us")


def within(folder: DatastoreFile, name: str) -> DatastoreFile:
    return DatastoreFile(folder.datacenter_path, folder.datastore, f"{folder.path}/{name}")


def digest(pieces: Iterable[bytes]) -> str:
    """What is compared instead of the bytes: pytest looks for the difference of two megabytes for minutes."""
    return sha256(b"".join(pieces)).hexdigest()


def test_a_file_is_put_read_and_listed(
    files: DatastoreFiles, folder: DatastoreFile, session: Session, inventory: Inventory
) -> None:
    file = within(folder, "100% ü#1.bin")
    assert files.stat(file) is None
    files.write(file, [DATA[:1000], DATA[1000:]], size_bytes=len(DATA))
    found = files.stat(file)
    assert found
    assert found.size_bytes == len(DATA)
    assert found.version
    with files.reading(file, version=found.version) as pieces:
        assert digest(pieces) == digest([DATA])
    listed = files_in(session, inventory.datacenters[0].moref, DatastorePath(folder.datastore, folder.path))
    assert listed == [ListedFile("100% ü#1.bin", len(DATA))]


def test_a_file_is_read_in_parts(files: DatastoreFiles, folder: DatastoreFile) -> None:
    file = within(folder, "parts.bin")
    files.write(file, [DATA], size_bytes=len(DATA))
    found = files.stat(file)
    assert found
    with files.reading(file, offset=100_000, length=1000, version=found.version) as pieces:
        assert digest(pieces) == digest([DATA[100_000:101_000]])


def test_an_upload_goes_on_where_it_broke_off(files: DatastoreFiles, folder: DatastoreFile) -> None:
    file = within(folder, "resumed.bin")
    files.write(file, [DATA[:500_000]], size_bytes=500_000)
    files.write(file, [DATA[500_000:]], size_bytes=len(DATA), offset=500_000)
    with files.reading(file) as pieces:
        assert digest(pieces) == digest([DATA])


def test_a_file_is_deleted(files: DatastoreFiles, folder: DatastoreFile) -> None:
    file = within(folder, "deleted.bin")
    files.write(file, [DATA], size_bytes=len(DATA))
    files.delete(file)
    assert files.stat(file) is None
