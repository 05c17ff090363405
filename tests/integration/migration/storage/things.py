"""What is moved through secondary storage, and what has to be so in the end: a VM with its folder, a loose disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

from app.jobs.models import Job
from app.jobs.states import JobState
from app.secondary import leftovers
from app.vsphere.bulk import read_all
from app.vsphere.collector import property_spec
from app.vsphere.datastore_files import DatastoreFile, DatastoreFiles
from app.vsphere.datastore_listing import names_in
from app.vsphere.endpoint import Endpoint
from app.vsphere.inventory import read_vm
from app.vsphere.paths import DatastorePath
from app.vsphere.pyvmomi import vim
from app.vsphere.registration import registration_of
from tests.integration import known
from tests.integration.migration.steps import NOTHING_TAKEN, admission
from tests.integration.migration.storage.ways import Ways
from tests.running.vcenter import RunningVCenter

_TIMEOUT_SECONDS = 30
_CONTENT = (".vmdk",)


def files(vcenter: RunningVCenter) -> DatastoreFiles:
    endpoint = Endpoint(vcenter.url, vcenter.username, SecretStr(vcenter.password), vcenter.thumbprint)
    return DatastoreFiles(endpoint, _TIMEOUT_SECONDS)


def at(path: str, datacenter_path: str = "dc1") -> DatastoreFile:
    parsed = DatastorePath.parse(path)
    assert parsed
    return DatastoreFile(datacenter_path, parsed.datastore, parsed.file)


def datacenter(ways: Ways) -> str:
    return str(ways.session.call(lambda content: content.rootFolder.childEntity[0]._moId))


def names(ways: Ways, folder: str) -> list[str] | None:
    parsed = DatastorePath.parse(folder)
    assert parsed
    return names_in(ways.session, datacenter(ways), parsed)


def digests(ways: Ways, folder: str) -> dict[str, str]:
    """The checksum of every disk file in a folder."""
    found = {}
    with files(ways.steps.vcenter) as reader:
        for name in names(ways, folder) or []:
            if name.endswith(_CONTENT):
                digest = sha256()
                with reader.reading(at(f"{folder}/{name}")) as pieces:
                    for piece in pieces:
                        digest.update(piece)
                found[name] = digest.hexdigest()
    return found


def failed(ways: Ways, job_id: UUID, *saying: str) -> Job:
    """Take a job to its end, which has to be a failure that says all of that."""
    job = ways.to_end(job_id)
    assert job.state is JobState.FAILED, ways.told(job_id)
    assert [words for words in saying if words not in (job.error_text or "")] == [], ways.told(job_id)
    return job


def nothing_is_left(ways: Ways) -> None:
    """Nothing on secondary storage, and nothing taken."""
    leftovers.sweep()
    assert [entry.name for entry in (ways.mount / "vrelocate").iterdir()] == ["store-id"]
    assert admission() == NOTHING_TAKEN


@dataclass(frozen=True)
class Vm:
    """A VM as it was before its job."""

    ways: Ways
    name: str
    id: UUID
    moref: str
    instance_uuid: str | None
    disks: tuple[tuple[UUID, str | None], ...]
    registration: Mapping[str, str]
    contents: Mapping[str, str]
    names: tuple[str, ...]

    @classmethod
    def named(cls, ways: Ways, name: str) -> Vm:
        vm = known.vm(name)
        return cls(
            ways=ways,
            name=name,
            id=vm.id,
            moref=vm.moref,
            instance_uuid=vm.instance_uuid,
            disks=tuple((disk.id, disk.disk_uuid) for disk in known.disks(name)),
            registration=registration_of(ways.session, vm.moref),
            contents=digests(ways, f"[old] {name}"),
            names=tuple(names(ways, f"[old] {name}") or ()),
        )

    def ask(self) -> UUID:
        return self.ways.steps.ask_vm(self.name, "new")

    def arrived(self, folder: str | None = None) -> None:
        """Assert that it is whole on the target, registered there once, and nowhere else."""
        here = folder or f"[new] {self.name}"
        moref = self._registered(f"{here}/{self.name}.vmx")
        vm = known.vm(self.name)
        assert (vm.id, vm.instance_uuid, vm.moref) == (self.id, self.instance_uuid, moref)
        assert vm.home_pool_id == known.pool("new").id
        assert [(disk.id, disk.disk_uuid) for disk in known.disks(self.name)] == list(self.disks)
        assert {disk.pool.name for disk in known.disks(self.name)} == {"new"}
        assert digests(self.ways, here) == self.contents
        assert set(self.names) <= set(names(self.ways, here) or ())
        assert names(self.ways, f"[old] {self.name}") is None, "the emptied folder is gone"
        self._nothing_else(here)

    def stayed(self, folder: str | None = None) -> None:
        """Assert that it is registered where it was, in the same folder, pool and host; nothing is at the target."""
        moref = self._registered(f"[old] {self.name}/{self.name}.vmx")
        assert registration_of(self.ways.session, moref) == self.registration
        assert digests(self.ways, f"[old] {self.name}") == self.contents
        assert names(self.ways, folder or f"[new] {self.name}") is None
        self._nothing_else("[old]")

    def registrations(self) -> list[str]:
        """Where VMs of that name are registered."""
        found = read_all(self.ways.session, [vim.VirtualMachine], [property_spec(vim.VirtualMachine, ["name"])])
        morefs = [moref for moref, it in found.items() if it.properties.get("name") == self.name]
        return sorted(read_vm(self.ways.session, moref).vm_path_name or "" for moref in morefs)

    def _registered(self, vmx: str) -> str:
        assert self.registrations() == [vmx]
        found = read_all(self.ways.session, [vim.VirtualMachine], [property_spec(vim.VirtualMachine, ["name"])])
        [moref] = [moref for moref, it in found.items() if it.properties.get("name") == self.name]
        seen = read_vm(self.ways.session, moref)
        assert (seen.instance_uuid, seen.power_state) == (self.instance_uuid, "poweredOff")
        assert {disk.uuid for disk in seen.disks} == {uuid for _, uuid in self.disks}
        return moref

    def _nothing_else(self, here: str) -> None:
        roots = [*(names(self.ways, "[old]") or []), *(names(self.ways, "[new]") or [])]
        assert not [name for name in roots if "vrelocate" in name], "a folder in mid-removal"
        numbered = [name for name in roots if name.startswith(f"{self.name}_")]
        assert numbered == [name for name in [here.partition("] ")[2]] if name.startswith(f"{self.name}_")]
        nothing_is_left(self.ways)


@dataclass(frozen=True)
class Disk:
    """A detached disk as it was before its job."""

    ways: Ways
    path: str
    id: UUID
    content: str

    @classmethod
    def of(cls, ways: Ways, path: str) -> Disk:
        return cls(ways, path, known.volume(path).id, _digest(ways, path))

    @property
    def target(self) -> str:
        return self.path.replace("[old]", "[new]")

    def ask(self) -> UUID:
        return self.ways.steps.ask_disk(self.path, "new")

    def arrived(self) -> None:
        self._is_at(self.target, "new", self.path)

    def stayed(self) -> None:
        self._is_at(self.path, "old", self.target)

    def _is_at(self, here: str, pool: str, not_here: str) -> None:
        volume = known.volume_of_id(self.id)
        assert (volume.path, volume.pool_id, volume.removed_at) == (here, known.pool(pool).id, None)
        assert _digest(self.ways, here) == self.content
        folder, name = not_here.rsplit("/", 1)
        left = [it for it in names(self.ways, folder) or [] if it.startswith(Path(name).stem)]
        assert left == [], "not even an extent"
        nothing_is_left(self.ways)


def _digest(ways: Ways, path: str) -> str:
    digest = sha256()
    with files(ways.steps.vcenter) as reader, reader.reading(at(f"{path.removesuffix('.vmdk')}-flat.vmdk")) as pieces:
        for piece in pieces:
            digest.update(piece)
    return digest.hexdigest()
