"""Detached disks to ask for the migration of, and a key to ask with: what is there before acceptance is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from cryptography.fernet import Fernet
from sqlalchemy import select

from app.access.keys import create_key
from app.db import transaction
from app.devstack.postgres import Postgres
from app.devstack.valkey import Valkey
from app.inventory.models import StoragePool, Volume
from app.inventory.sync import sync_vcenter
from app.inventory.vcenters import add_vcenter
from tests.running.installation import installed
from tests.running.vcenter import running_vcenter

SCENARIO = """
datacenters:
  - name: dc1
    clusters: [{{name: cluster-a, hosts: ["esx-{{1..4}}"]}}]
    datastores: [{{name: old, capacity: 64TiB, hosts: [cluster-a]}}, {{name: new, capacity: 64TiB, hosts: [cluster-a]}}]
    disks: [{{path: "[old] loose/data-{{0001..{disks:04}}}.vmdk", size: 1GiB, kind: thick}}]
"""


def environment_of(postgres: Postgres, valkey: Valkey) -> dict[str, str]:
    """Return the settings of an installation of these servers."""
    return {
        "VRELOCATE_DATABASE_URL": postgres.url,
        "VRELOCATE_REDIS_URL": valkey.url,
        "VRELOCATE_MASTER_KEY": Fernet.generate_key().decode(),
    }


@contextmanager
def disks_to_move(folder: Path, environment: dict[str, str], disks: int) -> Iterator[tuple[str, str, list[UUID], UUID]]:
    """Have a vCenter's inventory and a key; gives key, secret, volumes and the pool that they can go to."""
    scenario = folder / "scenario.yaml"
    scenario.write_text(SCENARIO.format(disks=disks), encoding="utf-8")
    with running_vcenter(folder, "--scenario", scenario) as vcenter, installed(environment):
        vcenter_id = add_vcenter(
            name="bench", url=vcenter.url, username=vcenter.username, password=vcenter.password,
            thumbprint=vcenter.thumbprint, insecure=False,
        )  # fmt: skip
        sync_vcenter(vcenter_id)
        with transaction() as session:
            key, secret = create_key(session, "bench")
            volumes = list(session.scalars(select(Volume.id).order_by(Volume.path)))
            to = session.scalars(select(StoragePool.id).where(StoragePool.name == "new")).one()
        yield key.key, secret, volumes, to
