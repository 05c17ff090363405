"""One pass over a vCenter: what it writes, what it marks, what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select, text

from app.db import transaction
from app.inventory import sync
from app.inventory.models import StoragePool, VCenter, Volume
from app.inventory.vcenters import session_to
from app.vsphere.errors import VCenterUnreachable
from app.vsphere.inventory import read_inventory
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.operating import Operator
from tests.running.vcenter import RunningVCenter

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("pool", "scope"),
    [("old", "CLUSTER"), ("local", "HOST"), ("far", "CLUSTER"), ("wide", "ZONE"), ("gold", "CLUSTER")],
)
@pytest.mark.usefixtures("vcenter_id")
def test_the_scope_of_a_pool_is_how_many_mount_it(pool: str, scope: str) -> None:
    """`far` belongs to the one host of a cluster of one: that is all of the cluster."""
    assert known.pool(pool).scope == scope


@pytest.mark.usefixtures("vcenter_id")
def test_a_pool_is_mounted_where_vcenter_says() -> None:
    with transaction() as session:
        mounts = {
            pool.name: {mount.host.name for mount in pool.mounts} for pool in session.scalars(select(StoragePool))
        }
    assert mounts["old"] == {"esx-e1", "esx-e2"}
    assert mounts["local"] == {"esx-e1"}
    assert mounts["wide"] == {"esx-e1", "esx-e2", "esx-w1"}


def test_storage_tags_are_those_of_one_category(vcenter_id: UUID) -> None:
    assert known.pool("gold").vsphere_tags == ["gold"]
    assert known.pool("old").vsphere_tags == []
    with transaction() as session:
        session.execute(
            text("UPDATE storage_pool SET own_tags = '{rack-1}', vsphere_tags = '{stale}' WHERE name = 'gold'")
        )
    known.sync(vcenter_id)
    assert known.pool("gold").vsphere_tags == ["gold"]
    assert known.pool("gold").own_tags == ["rack-1"]
    assert known.pool("gold").tags == {"gold", "rack-1"}


def test_tags_that_could_not_be_read_stay_as_they_were(vcenter_id: UUID) -> None:
    seen = read_inventory(session_to(vcenter_id), "vrelocate-storage")
    unread = tuple(replace(datastore, tags=None) for datastore in seen.datastores)
    with transaction() as session:
        began = session.scalars(select(VCenter.synced_at)).one()
        assert began
        sync._write(session, vcenter_id, replace(seen, datastores=unread, tags_known=False), began)
    assert known.pool("gold").vsphere_tags == ["gold"]


@pytest.mark.usefixtures("vcenter_id")
def test_disks_have_their_size_and_kind(unused: InTurn) -> None:
    thin, thick = known.disks(unused.vm("pair"))
    assert (thin.capacity_bytes, thin.thin, thick.capacity_bytes, thick.thin) == (64 * 2**20, True, 32 * 2**20, False)
    loose = known.volume("[old] thick.vmdk")
    assert (loose.capacity_bytes, loose.thin, loose.vm_id) == (64 * 2**20, False, None)


def test_a_vm_that_was_destroyed_is_marked_with_its_disks(vcenter_id: UUID, operator: Operator, unused: InTurn) -> None:
    name = unused.vm("pair")
    vm, disks = known.vm(name), known.disks(name)
    operator.destroy(vm.moref)
    known.sync(vcenter_id)
    assert known.vm(name).removed_at is not None
    assert all(known.volume_of_id(disk.id).removed_at for disk in disks)


def test_a_disk_that_was_deleted_is_marked(vcenter_id: UUID, operator: Operator, unused: InTurn) -> None:
    path = unused.disk()
    volume = known.volume(path)
    operator.delete_disk(path)
    known.sync(vcenter_id)
    removed_at = known.volume_of_id(volume.id).removed_at
    assert removed_at is not None
    known.sync(vcenter_id)
    assert known.volume_of_id(volume.id).removed_at == removed_at


def test_a_vm_that_was_switched_on_is_seen_running(vcenter_id: UUID, operator: Operator, unused: InTurn) -> None:
    name = unused.vm()
    assert known.vm(name).power_state == "poweredOff"
    operator.power_on(known.vm(name).moref)
    known.sync(vcenter_id)
    assert known.vm(name).power_state == "poweredOn"


def test_a_new_disk_is_found(vcenter_id: UUID, operator: Operator, unused: InTurn) -> None:
    path = f"[new] found/{unused.vm('fresh')}.vmdk"
    operator.make_folder("[new] found")
    operator.copy_disk("[old] thick.vmdk", path)
    known.sync(vcenter_id)
    assert known.volume(path).capacity_bytes == 64 * 2**20


def test_a_detached_disk_that_a_migration_moves_is_left_to_it(
    vcenter_id: UUID, operator: Operator, unused: InTurn
) -> None:
    """Both ends: the file that is not there any more, and the one that may be half a copy."""
    path = unused.disk()
    volume, target = known.volume(path), path.replace("[old]", "[new]")
    with transaction() as session:
        session.execute(
            text("UPDATE volume SET moving_to = :target, moved_by = gen_random_uuid() WHERE id = :id"),
            {"id": volume.id, "target": target},
        )
    operator.move_disk(path, target)
    known.sync(vcenter_id)
    after = known.volume_of_id(volume.id)
    assert (after.path, after.pool_id, after.removed_at) == (path, volume.pool_id, None)
    with transaction() as session:
        assert session.scalars(select(Volume).where(Volume.path == target)).all() == []


def test_a_vcenter_that_does_not_answer_says_so_and_keeps_what_is_known(
    vcenter_id: UUID, plain: RunningVCenter
) -> None:
    url, known_before = known.vcenter(vcenter_id).url, _count()
    _point(vcenter_id, "https://127.0.0.1:1/sdk")
    with pytest.raises(VCenterUnreachable):
        known.sync(vcenter_id)
    assert "127.0.0.1:1" in (known.vcenter(vcenter_id).sync_error or "")
    assert _count() == known_before
    _point(vcenter_id, url)
    known.sync(vcenter_id)
    assert known.vcenter(vcenter_id).sync_error is None
    assert plain.url != url


def test_what_a_pass_found_is_told(vcenter_id: UUID) -> None:
    report = known.sync(vcenter_id)
    assert (report.zones, report.clusters, report.hosts, report.pools) == (1, 2, 3, 8)
    with transaction() as session:
        present = text("SELECT count(*) FROM volume WHERE removed_at IS NULL")
        assert report.volumes == session.scalars(present).one()


def test_two_vcenters_live_side_by_side(vcenter_id: UUID, plain: RunningVCenter) -> None:
    """Both have a `datastore-…` and a `vm-…` of the same reference."""
    before = _count(vcenter_id)
    other = known.add(plain, "plain")
    assert _count(vcenter_id) == before
    assert _count(other) == 8
    known.sync(vcenter_id)
    assert _count(other) == 8


def test_a_second_look_at_plain_vcsim_changes_nothing(installation: None, plain: RunningVCenter) -> None:
    assert installation is None
    vcenter_id = known.add(plain, "plain")

    def everything() -> list[object]:
        with transaction() as session:
            rows = session.execute(text("SELECT id, name, path, pool_id, vm_id, removed_at FROM volume ORDER BY id"))
            return list(rows)

    before = everything()
    assert len(before) == 8
    known.sync(vcenter_id)
    assert everything() == before


def _point(vcenter_id: UUID, url: str) -> None:
    with transaction() as session:
        session.get_one(VCenter, vcenter_id).url = url


def _count(vcenter_id: UUID | None = None) -> int:
    """How many VMs are there."""
    with transaction() as session:
        where = "AND vcenter_id = :id" if vcenter_id else ""
        found = text(f"SELECT count(*) FROM virtual_machine WHERE removed_at IS NULL {where}")
        return int(session.scalars(found, {"id": vcenter_id} if vcenter_id else {}).one())
