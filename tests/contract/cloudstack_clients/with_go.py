"""cloudstack-go, by a small program that uses it (`go/main.go`), as Terraform's provider does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.contract.cloudstack_clients.client import END_SECONDS, Client, Listed, Told

BINARY = Path(sys.prefix) / "bin" / "cloudstack-go-client"


class CloudStackGo(Client):
    name = "cloudstack-go"
    title = "cloudstack-go"

    @staticmethod
    def version() -> str:
        assert BINARY.exists(), f"{BINARY} is missing: run `make {BINARY.relative_to(Path.cwd())}`"
        said = subprocess.run([BINARY, "version"], capture_output=True, text=True, timeout=END_SECONDS, check=True)
        return str(json.loads(said.stdout))

    def lists(self) -> Listed:
        done = self._runs("list")
        assert done.returncode == 0, done.stderr
        return Listed(**json.loads(done.stdout))

    def migrate_vm(self, vm_id: str, pool_id: str) -> Told:
        return self._migrate("migrate-vm", vm_id, pool_id)

    def migrate_volume(self, volume_id: str, pool_id: str) -> Told:
        return self._migrate("migrate-volume", volume_id, pool_id)

    def cancel(self, job_id: str) -> None:
        done = self._runs("cancel", job_id)
        assert done.returncode == 0, done.stderr

    def _migrate(self, *arguments: str) -> Told:
        done = self._runs(*arguments)
        if done.returncode:
            kind, _, _ = done.stderr.partition(":")
            return Told(success=False, how=f"returns the error `{kind}: …`", text=done.stderr)
        return Told(success=True, how="returns its typed response", text=done.stdout)

    def _runs(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BINARY, *arguments],
            env={
                "NO_PROXY": "127.0.0.1",
                "CLOUDSTACK_API_URL": self.access.url,
                "CLOUDSTACK_API_KEY": self.access.key,
                "CLOUDSTACK_SECRET_KEY": self.access.secret,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=END_SECONDS,
            check=False,
        )
