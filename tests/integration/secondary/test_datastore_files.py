"""Files of datastores over /folder: read, written, resumed, deleted and listed; a disk that arrives so is a disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from app.inventory.vcenters import session_to
from app.vsphere.datastore_files import (
    DatastoreFile,
    DatastoreFileBusy,
    DatastoreFileChanged,
    DatastoreFileGone,
    DatastoreFiles,
    DatastoreFileStat,
)
from app.vsphere.datastore_listing import ListedFile, datacenter_path, files_in
from app.vsphere.disks import query_uuid
from app.vsphere.endpoint import Endpoint
from app.vsphere.errors import CertificateRefused, ManagedObjectGone, VCenterLoginFailed
from app.vsphere.inventory import disk_exists, read_inventory
from app.vsphere.paths import DatastorePath
from app.vsphere.session import Session
from tests.integration.operating import Operator
from tests.integration.secondary.orders import MIB, Datastores, content, digest
from tests.running.ledger import Ledger
from tests.running.vcenter import RunningVCenter

pytestmark = pytest.mark.integration

DATA = content(3 * MIB)
NAMES = [
    "plain.bin",
    "with blank.bin",
    "[brackets] (1).bin",
    "100%.bin",
    "a%20b.bin",
    "q?a=b&c#d.bin",
    "ünï-日本.bin",
    "+;,=@.bin",
]


def endpoint(vcenter: RunningVCenter, *, password: str | None = None, thumbprint: str | None = None) -> Endpoint:
    return Endpoint(
        vcenter.url, vcenter.username, SecretStr(password or vcenter.password), thumbprint or vcenter.thumbprint
    )


@pytest.fixture
def files(simulated: RunningVCenter) -> Iterator[DatastoreFiles]:
    with DatastoreFiles(endpoint(simulated), timeout_seconds=30) as files:
        yield files


@pytest.fixture
def session(simulated: RunningVCenter) -> Iterator[Session]:
    session = Session(endpoint(simulated), timeout_seconds=30)
    yield session
    session.close()


@pytest.fixture
def dc1(session: Session) -> str:
    [datacenter] = read_inventory(session, "none").datacenters
    return datacenter.moref


def at(path: str, datastore: str = "old") -> DatastoreFile:
    return DatastoreFile("dc1", datastore, path)


def get(files: DatastoreFiles, file: DatastoreFile, **which: object) -> bytes:
    with files.reading(file, **which) as pieces:  # type: ignore[arg-type]  # offset, length, version
        return b"".join(pieces)


def put(files: DatastoreFiles, file: DatastoreFile, data: bytes) -> DatastoreFileStat:
    files.write(file, [data], size_bytes=len(data))
    found = files.stat(file)
    assert found
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_goes_there_and_back(files: DatastoreFiles, session: Session, dc1: str, name: str) -> None:
    file = at(f"names/{name}.d/{name}")
    assert files.stat(file) is None
    assert put(files, file, b"content").size_bytes == 7
    assert get(files, file) == b"content"
    listed = files_in(session, dc1, DatastorePath("old", f"names/{name}.d"))
    assert listed == [ListedFile(name, 7)]
    files.delete(file)
    assert files.stat(file) is None
    files.delete(file)
    with pytest.raises(DatastoreFileGone):
        get(files, file)


def test_parts_are_read(files: DatastoreFiles) -> None:
    file = at("parts.bin")
    version = put(files, file, DATA).version
    assert version
    assert digest(get(files, file, offset=MIB, version=version)) == digest(DATA[MIB:])
    assert get(files, file, offset=MIB, length=10, version=version) == DATA[MIB : MIB + 10]
    assert get(files, file, length=10) == DATA[:10]
    assert get(files, file, offset=len(DATA) - 1) == DATA[-1:]


def test_a_change_is_noticed(files: DatastoreFiles) -> None:
    file = at("changes.bin")
    before = put(files, file, DATA)
    after = put(files, file, DATA[::-1])
    assert before.version != after.version
    for offset in (0, MIB):
        with pytest.raises(DatastoreFileChanged):
            get(files, file, offset=offset, version=before.version)


def test_an_upload_is_resumed(files: DatastoreFiles) -> None:
    file = at("resumed.bin")
    put(files, file, DATA[:MIB])
    files.write(file, [DATA[MIB : 2 * MIB], DATA[2 * MIB :]], size_bytes=len(DATA), offset=MIB)
    assert digest(get(files, file)) == digest(DATA)


def test_a_part_that_does_not_fit_is_refused(files: DatastoreFiles) -> None:
    with pytest.raises(DatastoreFileBusy, match="409"):
        files.write(at("never-begun.bin"), [DATA[MIB:]], size_bytes=len(DATA), offset=MIB)
    assert files.stat(at("never-begun.bin")) is None


def test_one_session_serves_many_requests(files: DatastoreFiles, simulated: RunningVCenter) -> None:
    before = Ledger(simulated).page().logins
    for number in range(5):
        put(files, at(f"many/{number}"), b"x")
    assert Ledger(simulated).page().logins.accepted <= before.accepted + 1


def test_who_may_not_come_in_is_told_so(simulated: RunningVCenter) -> None:
    with (
        DatastoreFiles(endpoint(simulated, password="wrong"), timeout_seconds=30) as files,
        pytest.raises(VCenterLoginFailed),
    ):
        files.stat(at("parts.bin"))
    with (
        DatastoreFiles(endpoint(simulated, thumbprint="0" * 64), timeout_seconds=30) as files,
        pytest.raises(CertificateRefused, match="not the pinned one"),
    ):
        files.stat(at("parts.bin"))


def test_datacenters_have_paths(session: Session, dc1: str) -> None:
    assert datacenter_path(session, dc1) == "dc1"
    with pytest.raises(ManagedObjectGone):
        datacenter_path(session, "datacenter-4711")


def test_everything_in_a_folder_is_listed(session: Session, dc1: str) -> None:
    listed = files_in(session, dc1, DatastorePath("old", "vm-01"))
    sizes = {file.name: file.size_bytes for file in listed}
    assert {"vm-01.vmx", "vm-01.vmdk", "vm-01-flat.vmdk"} <= sizes.keys()
    assert sizes["vm-01-flat.vmdk"] == 16 * MIB, "what a thin extent takes; HEAD tells how long it is"
    assert files_in(session, dc1, DatastorePath("old", "nowhere")) == []
    with pytest.raises(ManagedObjectGone):
        files_in(session, dc1, DatastorePath("nowhere", "vm-01"))


@pytest.mark.parametrize("extent_first", [True, False])
def test_a_disk_whose_two_files_were_put_is_a_disk(
    files: DatastoreFiles, session: Session, dc1: str, operator: Operator, *, extent_first: bool
) -> None:
    """In either order; it keeps its uuid and its format, and the blocks that were put count as written."""
    name = "vm-02"
    pair = [f"{name}.vmdk", f"{name}-flat.vmdk"]
    folder = f"arrived-{extent_first}"
    for part in reversed(pair) if extent_first else pair:
        put(files, at(f"{folder}/{part}", "new"), get(files, at(f"{name}/{part}")))
    path = f"[new] {folder}/{name}.vmdk"
    found, was = disk_exists(session, dc1, path), disk_exists(session, dc1, f"[old] {name}/{name}.vmdk")
    assert found
    assert was
    assert (found.capacity_bytes, found.thin) == (was.capacity_bytes, was.thin) == (64 * MIB, True)
    assert was.physical_bytes == 16 * MIB
    # The simulated vCenter notes in its descriptors how much is written, and believes the one that comes last.
    assert found.physical_bytes == (16 * MIB if extent_first else 64 * MIB)
    assert query_uuid(session, path, dc1) == query_uuid(session, f"[old] {name}/{name}.vmdk", dc1)
    operator.do(
        lambda vcenter: vcenter.virtualDiskManager.MoveVirtualDisk_Task(
            sourceName=path,
            sourceDatacenter=session.moref("Datacenter", dc1),
            destName=path.replace(name, "renamed"),
            destDatacenter=session.moref("Datacenter", dc1),
        )
    )


@pytest.mark.usefixtures("installation")
def test_a_vcenter_of_the_installation_is_reached(datastores: Datastores) -> None:
    location = datastores.put(datastores.location("new", "reached.bin"), DATA)
    assert digest(datastores.get(location)) == digest(DATA)
    assert files_in(session_to(datastores.vcenter_id), _dc(datastores), DatastorePath("new", "")) != []


def _dc(datastores: Datastores) -> str:
    [datacenter] = read_inventory(session_to(datastores.vcenter_id), "none").datacenters
    return datacenter.moref
