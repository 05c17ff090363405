"""`cs`, of PyPI: as a library, and by its own command line."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cs import CloudStack, CloudStackApiException

from tests.contract.cloudstack_clients.client import END_SECONDS, Client, Listed, Told


class CsLibrary(Client):
    name = "cs"
    title = "`cs`, as a library"

    @staticmethod
    def version() -> str:
        return version("cs")

    def lists(self) -> Listed:
        cloud = self._cloud()
        return Listed(
            zones=[zone["name"] for zone in cloud.listZones(fetch_list=True)],
            vms=[vm["name"] for vm in cloud.listVirtualMachines(fetch_list=True)],
            volumes=[volume["name"] for volume in cloud.listVolumes(fetch_list=True)],
            pools=[pool["name"] for pool in cloud.listStoragePools(fetch_list=True)],
        )

    def migrate_vm(self, vm_id: str, pool_id: str) -> Told:
        return self._migrate("migrateVirtualMachine", "virtualmachine", virtualmachineid=vm_id, storageid=pool_id)

    def migrate_volume(self, volume_id: str, pool_id: str) -> Told:
        return self._migrate("migrateVolume", "volume", volumeid=volume_id, storageid=pool_id)

    def cancel(self, job_id: str) -> None:
        self._cloud().cancelAsyncJob(jobid=job_id)

    def _migrate(self, command: str, kind: str, **parameters: str) -> Told:
        try:
            result = getattr(self._cloud(), command)(fetch_result=True, **parameters)
        except CloudStackApiException as failed:
            return Told(success=False, how=f"raises `{type(failed).__name__}`", text=str(failed))
        return Told(success=True, how=f"returns `{kind}`", text=json.dumps(result[kind]))

    def _cloud(self) -> CloudStack:
        return CloudStack(
            endpoint=self.access.url, key=self.access.key, secret=self.access.secret, job_timeout=END_SECONDS
        )


class CsCommand(Client):
    name = "cs-command"
    title = "`cs`, by its command line"

    @staticmethod
    def version() -> str:
        return CsLibrary.version()

    def lists(self) -> Listed:
        return Listed(
            zones=self._names("listZones", "zone"),
            vms=self._names("listVirtualMachines", "virtualmachine"),
            volumes=self._names("listVolumes", "volume"),
            pools=self._names("listStoragePools", "storagepool"),
        )

    def migrate_vm(self, vm_id: str, pool_id: str) -> Told:
        return self._migrate("migrateVirtualMachine", f"virtualmachineid={vm_id}", f"storageid={pool_id}")

    def migrate_volume(self, volume_id: str, pool_id: str) -> Told:
        return self._migrate("migrateVolume", f"volumeid={volume_id}", f"storageid={pool_id}")

    def cancel(self, job_id: str) -> None:
        done = self._types("cancelAsyncJob", f"jobid={job_id}")
        assert done.returncode == 0, done.stderr

    def _names(self, command: str, kind: str) -> list[str]:
        done = self._types(command)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return [thing["name"] for thing in answer[kind]]

    def _migrate(self, *arguments: str) -> Told:
        done = self._types(*arguments)
        how = f"exit code {done.returncode}"
        if "CloudStack error: Job failure" in done.stderr:
            how += ", `CloudStack error: Job failure`"
        return Told(success=done.returncode == 0, how=how, text=done.stdout + done.stderr)

    def _types(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.prefix) / "bin" / "cs", *arguments],
            env={
                "HOME": str(self.access.folder),
                "NO_PROXY": "127.0.0.1",
                "CLOUDSTACK_ENDPOINT": self.access.url,
                "CLOUDSTACK_KEY": self.access.key,
                "CLOUDSTACK_SECRET": self.access.secret,
            },
            cwd=self.access.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=END_SECONDS,
            check=False,
        )
