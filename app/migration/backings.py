"""Reading back what has moved, disk by disk, as vCenter shows it at the end of a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from app.db import Json, transaction
from app.inventory.models import Volume
from app.inventory.observe import observe_detached
from app.jobs import leases
from app.jobs.leases import Claim
from app.migration import queries
from app.migration.look import Sight, finder
from app.migration.programs import Asked
from app.migration.readback import Backing
from app.migration.whereabouts import as_its_worker_had_it
from app.vsphere import first_class_disks
from app.vsphere.facts import Disk, LooseDisk, VirtualMachine
from app.vsphere.paths import datastore_of
from app.vsphere.session import Session as VSphereSession


def read_back(
    claim: Claim,
    vcenter: VSphereSession,
    sight: Sight,
    records: Sequence[Json],
    history: Sequence[Asked],
    *,
    also_at: Sequence[str],
) -> dict[str, Backing | None]:
    """Return the backing of each disk of `records` by its volume's id; `None`: it is nowhere.

    A detached disk that lies where a command of `history` has put it, which is one of `also_at`, is written down there.
    Raises what a call to vCenter raises, and `LostLease`.
    """
    if sight.machine is not None:
        return {record["volume_id"]: _of_vm(sight.machine, record) for record in records}
    return {
        record["volume_id"]: _detached(claim, vcenter, sight, record, history, also_at=also_at) for record in records
    }


def _of_vm(machine: VirtualMachine, record: Json) -> Backing | None:
    """Find a disk by its device; one that has another device now (detached and attached anew) by its own uuid."""
    key, uuid = record.get("device_key"), record.get("uuid")
    at_its_place = next((disk for disk in machine.disks if disk.key == key), None)
    itself = next((disk for disk in machine.disks if uuid and disk.uuid == uuid), None)
    disk = itself or at_its_place
    return None if disk is None else _shown(disk)


def _shown(disk: Disk) -> Backing:
    return Backing(
        path=disk.path,
        capacity_bytes=disk.capacity_bytes,
        thin=disk.thin,
        format=disk.format,
        uuid=disk.uuid,
        chain_length=len(disk.chain),
    )


def _detached(
    claim: Claim,
    vcenter: VSphereSession,
    sight: Sight,
    record: Json,
    history: Sequence[Asked],
    *,
    also_at: Sequence[str],
) -> Backing | None:
    volume_id = UUID(record["volume_id"])
    with transaction() as session:
        volume = queries.volume(session, volume_id)
    if volume is None:
        return None
    if volume.fcd_id is not None:
        return _first_class(vcenter, volume)
    return _file(claim, finder(vcenter, sight.move), volume, history, also_at=also_at)


def _first_class(vcenter: VSphereSession, volume: Volume) -> Backing | None:
    found = first_class_disks.find_first_class_disk(vcenter, volume.fcd_id or "", [volume.pool.moref])
    if found is None:
        return None
    return Backing(path=found.path, capacity_bytes=found.capacity_bytes, format=found.format)


def _file(
    claim: Claim,
    find: Callable[[str], LooseDisk | None],
    volume: Volume,
    history: Sequence[Asked],
    *,
    also_at: Sequence[str],
) -> Backing | None:
    """Read a file; what a browser does not tell of it, the worker that had it has told."""
    for path in dict.fromkeys([volume.path, *also_at]):
        if datastore_of(path) != volume.pool.name:
            continue
        found = find(path)
        if found is None:
            continue
        if path != volume.path:
            with transaction() as session:
                leases.held(session, claim)
                observe_detached(session, volume.id, volume.pool, found)
        worker = as_its_worker_had_it(volume.pool.name, history)
        return Backing(
            path=path,
            capacity_bytes=found.capacity_bytes,
            thin=found.thin,
            format=found.format or (worker.disk_format if worker else None),
            uuid=found.uuid or (worker.disk_uuid if worker else None),
        )
    return None
