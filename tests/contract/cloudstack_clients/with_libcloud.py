"""apache-libcloud's driver of CloudStack; what it has no method for goes through its own two ways to call."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider

from tests.contract.cloudstack_clients.client import END_SECONDS, Client, Listed, Told


class Libcloud(Client):
    name = "libcloud"
    title = "apache-libcloud"

    @staticmethod
    def version() -> str:
        return version("apache-libcloud")

    def lists(self) -> Listed:
        driver = self._driver()
        pools = driver._sync_request("listStoragePools")["storagepool"]
        return Listed(
            zones=[location.name for location in driver.list_locations()],
            vms=[node.name for node in driver.list_nodes()],
            volumes=[volume.name for volume in driver.list_volumes()],
            pools=[pool["name"] for pool in pools],
        )

    def migrate_vm(self, vm_id: str, pool_id: str) -> Told:
        return self._migrate("migrateVirtualMachine", {"virtualmachineid": vm_id, "storageid": pool_id})

    def migrate_volume(self, volume_id: str, pool_id: str) -> Told:
        return self._migrate("migrateVolume", {"volumeid": volume_id, "storageid": pool_id})

    def cancel(self, job_id: str) -> None:
        self._driver()._sync_request("cancelAsyncJob", params={"jobid": job_id})

    def _migrate(self, command: str, parameters: dict[str, str]) -> Told:
        driver = self._driver()
        try:
            result = driver._async_request(command, params=parameters)
        except Exception as failed:  # noqa: BLE001  # libcloud raises nothing more special for a job that has failed
            return Told(success=False, how=f"raises `{type(failed).__name__}`", text=str(failed))
        (kind,) = result
        return Told(success=True, how=f"returns `{kind}`", text=json.dumps(result[kind]))

    def _driver(self) -> Any:  # noqa: ANN401  # libcloud has no types
        driver = get_driver(Provider.CLOUDSTACK)(self.access.key, self.access.secret, secure=False, url=self.access.url)
        driver.connection.timeout = END_SECONDS  # of its polling; ten minutes otherwise
        return driver
