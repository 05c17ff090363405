"""Whether the records say what vCenter shows."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.db import transaction
from app.inventory.models import StoragePool, VirtualMachine, Volume
from app.inventory.vcenters import session_to
from app.vsphere.inventory import read_inventory
from app.vsphere.worker_vm import list_workers


def disagreements(vcenter_id: UUID) -> list[str]:
    """Return where the records say something else than vCenter: of disks, of their number, of the homes of VMs.

    A file that nothing knows, or a worker VM that is still there, is one too.
    """
    workers = [f"worker {worker.name} is there still" for worker in list_workers(session_to(vcenter_id))]
    seen = read_inventory(session_to(vcenter_id), "vrelocate-storage")
    names = {datastore.moref: datastore.name for datastore in seen.datastores}
    attached = [(disk.path, names.get(disk.datastore_moref or "")) for vm in seen.virtual_machines for disk in vm.disks]
    loose = [(disk.path, names[disk.datastore_moref]) for disk in seen.loose_disks]
    homes = [(vm.name, names.get(vm.home_datastore_moref or "")) for vm in seen.virtual_machines]
    with transaction() as session:
        volumes = [
            (volume.path, volume.pool.name)
            for volume in session.scalars(select(Volume).where(Volume.removed_at.is_(None)))
        ]
        pool = select(VirtualMachine.name, StoragePool.name).join(
            StoragePool, StoragePool.id == VirtualMachine.home_pool_id
        )
        known = [(vm, home) for vm, home in session.execute(pool.where(VirtualMachine.removed_at.is_(None)))]
    return [
        *workers,
        *_differences("disk", volumes, attached + loose),
        *_differences("home", known, homes),
    ]


def _differences(what: str, known: list[tuple[str, str]], seen: list[tuple[str, str | None]]) -> list[str]:
    surplus = [f"{what} {it} is known more than once" for it in known if known.count(it) > 1]
    wrong = [f"{what} {it} is known, and not so" for it in set(known) - set(seen)]
    missing = [f"{what} {it} is so, and not known" for it in set(seen) - set(known)]
    return sorted(surplus + wrong + missing)
