"""Jobs of several commands, driven to their end whatever happens on the way, and what is left of them afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from pydantic import SecretStr

from app.jobs.models import Job
from app.jobs.states import JobState
from app.vsphere.datastore_files import DatastoreFile, DatastoreFiles
from app.vsphere.datastore_listing import names_in
from app.vsphere.endpoint import Endpoint
from app.vsphere.facts import WORKER_NAME, Disk
from app.vsphere.inventory import disk_exists, read_vm
from app.vsphere.paths import DatastorePath
from app.vsphere.worker_vm import list_workers
from tests.integration import known
from tests.integration.jobs import rows
from tests.integration.migration.driven import Driven
from tests.integration.migration.steps import NOTHING_TAKEN, admission
from tests.running.ledger import Ledger

_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Drive(Driven):
    """Takes jobs to their end, and asserts what is left of them."""

    def succeed(self, job_id: UUID) -> Job:
        """The same, and it has to succeed, and to leave nothing taken and no worker VM."""
        return self._succeeded(self.to_end(job_id))

    def succeeded(self, job_id: UUID) -> Job:
        """Assert that it has, without another turn."""
        return self._succeeded(rows.job(job_id))

    def _succeeded(self, job: Job) -> Job:
        job_id = job.id
        assert (job.state, job.error_text) == (JobState.SUCCEEDED, None), self.told(job_id)
        self.leaves_nothing()
        return job

    def leaves_nothing(self) -> None:
        """Assert that no worker VM is left, and nothing is taken."""
        assert list_workers(self.session) == []
        assert self.empty_worker_folders() == []
        assert admission() == NOTHING_TAKEN

    def empty_worker_folders(self) -> list[str]:
        """The folders of worker VMs in which nothing is any more."""
        roots = [DatastorePath(name, "") for name in known.pools(self.steps.vcenter_id)]
        folders = [root / name for root in roots for name in self._names(root) if name.startswith(WORKER_NAME)]
        return [str(folder) for folder in folders if not self._names(folder)]

    def _names(self, folder: DatastorePath) -> list[str]:
        return names_in(self.session, self.datacenter(), folder) or []

    def calls(self, *methods: str) -> dict[str, int]:
        """How often vCenter was called for each since the ledger's page began."""
        counted = Ledger(self.steps.vcenter).page().calls
        return {method: counted.get(method, 0) for method in methods}

    # -- disks -------------------------------------------------------------------------------------------------------

    def digest(self, path: str) -> str:
        """The checksum of a flat disk's bytes."""
        parsed = DatastorePath.parse(path)
        assert parsed
        vcenter = self.steps.vcenter
        endpoint = Endpoint(vcenter.url, vcenter.username, SecretStr(vcenter.password), vcenter.thumbprint)
        file = DatastoreFile("/dc1", parsed.datastore, parsed.file.removesuffix(".vmdk") + "-flat.vmdk")
        digest = sha256()
        with DatastoreFiles(endpoint, _TIMEOUT_SECONDS) as files, files.reading(file) as pieces:
            for piece in pieces:
                digest.update(piece)
        return digest.hexdigest()

    def disks_of(self, vm: str) -> tuple[Disk, ...]:
        """The disks of a VM as vCenter has them now."""
        return read_vm(self.session, known.vm(vm).moref).disks

    def datacenter(self) -> str:
        return str(self.session.call(lambda content: content.rootFolder.childEntity[0]._moId))

    def exists(self, path: str) -> bool:
        return disk_exists(self.session, self.datacenter(), path) is not None

    def is_at(self, volume_id: UUID, path: str) -> None:
        """Assert that a volume's one disk is at `path`: by the records, by vCenter, and nowhere else."""
        volume = known.volume_of_id(volume_id)
        assert (volume.path, volume.removed_at) == (path, None)
        assert self.exists(path)
