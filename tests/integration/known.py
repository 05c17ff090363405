"""What the inventory of a test's database knows, found by the names that people use."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.db import transaction
from app.inventory.models import StoragePool, VCenter, VirtualMachine, Volume
from app.inventory.sync import SyncReport, sync_vcenter
from app.inventory.vcenters import add_vcenter
from tests.running.vcenter import RunningVCenter


def add(vcenter: RunningVCenter, name: str = "vc") -> UUID:
    """Add a vCenter to the installation and read its inventory."""
    vcenter_id = add_vcenter(
        name=name,
        url=vcenter.url,
        username=vcenter.username,
        password=vcenter.password,
        thumbprint=vcenter.thumbprint,
        insecure=False,
    )
    sync_vcenter(vcenter_id)
    return vcenter_id


def sync(vcenter_id: UUID) -> SyncReport:
    return sync_vcenter(vcenter_id)


def vcenter(vcenter_id: UUID) -> VCenter:
    with transaction() as session:
        return session.get_one(VCenter, vcenter_id)


def pool(name: str) -> StoragePool:
    with transaction() as session:
        return session.scalars(select(StoragePool).where(StoragePool.name == name)).one()


def pools(vcenter_id: UUID) -> list[str]:
    """The names of a vCenter's datastores."""
    with transaction() as session:
        present = select(StoragePool).where(StoragePool.vcenter_id == vcenter_id, StoragePool.removed_at.is_(None))
        return sorted(pool.name for pool in session.scalars(present) if not pool.is_cluster)


def vm(name: str) -> VirtualMachine:
    """The VM of that name that is there, or was last."""
    with transaction() as session:
        found = select(VirtualMachine).where(VirtualMachine.name == name)
        return session.scalars(found.order_by(VirtualMachine.removed_at.is_(None).desc())).first() or _missing(name)


def volume(path: str) -> Volume:
    """The volume at that path, present or not."""
    with transaction() as session:
        return session.scalars(select(Volume).where(Volume.path == path)).one()


def volume_of_id(volume_id: UUID) -> Volume:
    with transaction() as session:
        return session.get_one(Volume, volume_id)


def disks(vm_name: str) -> list[Volume]:
    """The present disks of a VM, in the order of their devices."""
    return list(vm(vm_name).volumes)


def _missing(name: str) -> VirtualMachine:
    raise AssertionError(f"the inventory has no VM {name}")
