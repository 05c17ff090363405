"""A page costs the same number of statements whatever it holds, with 2,000 VMs too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, insert
from sqlalchemy.orm import Session

from app.api.cloudstack.storage_pools import STORAGE_POOL, ShownPool
from app.api.cloudstack.virtual_machines import VIRTUAL_MACHINE
from app.api.cloudstack.volumes import VOLUME
from app.inventory.models import Cluster, Host, Mount, StoragePool, VirtualMachine, Volume
from app.inventory.queries import (
    Page,
    PoolFilter,
    VirtualMachineFilter,
    VolumeFilter,
    list_pools,
    list_vms,
    list_volumes,
)

pytestmark = pytest.mark.integration

VMS = 2000


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", count)


@pytest.fixture
def crowd(session: Session, landscape: SimpleNamespace) -> Callable[[int], None]:
    """Add VMs with two disks each, and as many loose disks; nothing of it is committed."""

    def add(count: int) -> None:
        vcenter_id, zone_id = landscape.vcenter.id, landscape.zone.id
        common = {"vcenter_id": vcenter_id, "zone_id": zone_id}
        vms = [
            {**common, "id": uuid4(), "name": f"vm-{n}", "moref": f"crowd-{n}", "instance_uuid": str(n), "path": "",
             "power_state": "poweredOff", "is_template": False, "home_pool_id": landscape.old.id,
             "cluster_id": landscape.east.id, "host_id": landscape.esx1.id}
            for n in range(count)
        ]  # fmt: skip
        volumes = [
            {**common, "id": uuid4(), "name": f"disk-{n}", "pool_id": landscape.old.id, "device_key": key,
             "path": f"[old] crowd/{n}-{key}.vmdk", "vm_id": vm["id"] if key else None, "capacity_bytes": 1}
            for n, vm in enumerate(vms)
            for key in (2000, 2001, None)
        ]  # fmt: skip
        session.execute(insert(VirtualMachine), vms)
        session.execute(insert(Volume), volumes)
        session.expire_all()

    return add


def test_the_number_of_statements_does_not_grow(
    session: Session, database: Engine, crowd: Callable[[int], None]
) -> None:
    def statements() -> dict[str, int]:
        counts = {}
        session.expunge_all()
        with counted(database) as vms:
            views, _ = list_vms(session, VirtualMachineFilter(), Page())
            assert [VIRTUAL_MACHINE.render(view) for view in views]
        session.expunge_all()
        with counted(database) as volumes:
            disks, _ = list_volumes(session, VolumeFilter(), Page())
            assert [VOLUME.render(view) for view in disks]
        session.expunge_all()
        with counted(database) as pools:
            found, _ = list_pools(session, PoolFilter(), Page())
            assert [STORAGE_POOL.render(ShownPool(view)) for view in found]
        counts.update(vms=len(vms), volumes=len(volumes), pools=len(pools))
        return counts

    few = statements()
    crowd(300)
    assert statements() == few
    assert max(few.values()) <= 3


def test_two_thousand_vms(session: Session, landscape: SimpleNamespace, crowd: Callable[[int], None]) -> None:
    crowd(VMS)
    views, count = list_vms(session, VirtualMachineFilter(keyword="vm-"), Page())
    assert (len(views), count) == (VMS, VMS)
    wanted = VolumeFilter(pool_id=landscape.old.id, root=True, keyword="disk-")
    disks, count = list_volumes(session, wanted, Page(limit=500, offset=1500))
    assert (len(disks), count) == (500, VMS)
    assert {view.device_id for view in disks} == {0}
    assert [VOLUME.render(view) for view in disks]


def test_hosts_that_have_gone_mount_nothing(session: Session, landscape: SimpleNamespace) -> None:
    """The cluster of a host that vCenter no longer shows does not make a pool a shared one."""
    common = {"vcenter_id": landscape.vcenter.id}
    gone = Cluster(**common, moref="gone", name="gone", zone_id=landscape.zone.id, standalone=False)
    session.add(gone)
    session.flush()
    host = Host(**common, moref="gone", name="gone", cluster_id=gone.id, connected=False, in_maintenance=False)
    host.removed_at = gone.created_at
    session.add(host)
    session.flush()
    session.add(Mount(pool_id=landscape.old.id, host_id=host.id, mounted=True, accessible=True, writable=True))
    session.flush()
    (view,), _ = list_pools(session, PoolFilter(ids=[landscape.old.id]), Page())
    assert isinstance(view.pool, StoragePool)
    assert [cluster.name for cluster in view.clusters] == ["east"]
