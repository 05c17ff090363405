"""ngine_io.cloudstack, Ansible's collection, by `ansible-playbook`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.contract.cloudstack_clients.client import END_SECONDS, Client, Listed, Told

HERE = Path(__file__).parent
COLLECTIONS = Path(sys.prefix) / "share" / "ansible" / "collections"
MANIFEST = COLLECTIONS / "ansible_collections" / "ngine_io" / "cloudstack" / "MANIFEST.json"
_RESULT = re.compile(r"^(ok|changed|fatal): \[localhost\](: FAILED!)? => (\{.*\})$", re.MULTILINE)


class Ansible(Client):
    name = "ansible"
    title = "ngine_io.cloudstack"

    @staticmethod
    def version() -> str:
        assert MANIFEST.exists(), "Ansible's collection is missing: run `make .venv/done/clients`"
        collection = json.loads(MANIFEST.read_text(encoding="utf-8"))["collection_info"]["version"]
        return f"{collection}, ansible-core {version('ansible-core')}"

    def lists(self) -> Listed:
        done = self._plays("list", volume="data-1", pool="old")
        assert done.returncode == 0, done.stdout + done.stderr
        zones, vms, volume, pool = (json.loads(found[3]) for found in _RESULT.finditer(done.stdout))
        assert not any(result["changed"] for result in (zones, vms, volume, pool))
        return Listed(
            zones=[zone["name"] for zone in zones["zones"]],
            vms=[vm["name"] for vm in vms["instances"]],
            volumes=[volume["name"]],
            pools=[pool["name"]],
        )

    def migrate_vm(self, vm_id: str, pool_id: str) -> Told:
        return self._migrate("migrateVirtualMachine", "virtualmachine", virtualmachineid=vm_id, storageid=pool_id)

    def migrate_volume(self, volume_id: str, pool_id: str) -> Told:
        return self._migrate("migrateVolume", "volume", volumeid=volume_id, storageid=pool_id)

    def cancel(self, job_id: str) -> None:
        done = self._plays("call", command="cancelAsyncJob", arguments={"jobid": job_id})
        assert done.returncode == 0, done.stdout + done.stderr

    def _migrate(self, command: str, key: str, **arguments: str) -> Told:
        done = self._plays("call", command=command, arguments=arguments, key=key)
        found = _RESULT.search(done.stdout)
        assert found, done.stdout + done.stderr
        return Told(
            success=done.returncode == 0,
            how=f"`{found[1]}{found[2] or ''}`, exit code {done.returncode}",
            text=json.dumps(json.loads(found[3]).get("ended" if done.returncode == 0 else "msg")),
        )

    def _plays(self, playbook: str, **variables: str | Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        folder = mkdtemp(dir=self.access.folder)
        command: list[str | Path] = [
            *(Path(sys.prefix) / "bin" / "ansible-playbook", "--inventory", "localhost,", "--connection", "local"),
            *("--verbose", "--extra-vars", json.dumps(variables), HERE / "playbooks" / f"{playbook}.yaml"),
        ]
        return subprocess.run(
            command,
            env=self._environment(folder),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=END_SECONDS,
            check=False,
        )

    def _environment(self, folder: str) -> dict[str, Any]:
        """Return an environment in which Ansible writes into `folder` and nowhere else."""
        return {
            "HOME": folder,
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "ANSIBLE_HOME": folder,
            "ANSIBLE_LOCAL_TEMP": f"{folder}/local",
            "ANSIBLE_REMOTE_TEMP": f"{folder}/remote",
            "TMPDIR": folder,
            "ANSIBLE_CONFIG": str(HERE / "playbooks" / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_LIBRARY": str(HERE / "library"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "CLOUDSTACK_ENDPOINT": self.access.url,
            "CLOUDSTACK_KEY": self.access.key,
            "CLOUDSTACK_SECRET": self.access.secret,
        }
