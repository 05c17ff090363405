"""Datastore clusters: pools that are the sum of others, and whose disks Storage DRS moves about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from app.db import transaction
from app.inventory.queries import (
    Page,
    PoolFilter,
    VirtualMachineFilter,
    VolumeFilter,
    list_pools,
    list_vms,
    list_volumes,
)
from app.vsphere.facts import Inventory
from tests.integration import known
from tests.integration.operating import Operator

pytestmark = pytest.mark.integration

TIB = 2**40


@pytest.mark.usefixtures("vcenter_id")
def test_a_datastore_cluster_is_a_pool_of_its_members() -> None:
    pod, first, second = known.pool("pod"), known.pool("member-1"), known.pool("member-2")
    assert (pod.type, pod.is_cluster, pod.scope, pod.url) == ("DatastoreCluster", True, "CLUSTER", "/dc1/pod")
    assert (first.parent_id, second.parent_id, known.pool("old").parent_id) == (pod.id, pod.id, None)
    assert pod.capacity_bytes == first.capacity_bytes + second.capacity_bytes == 3 * TIB
    assert pod.free_bytes == first.free_bytes + second.free_bytes
    assert pod.uncommitted_bytes == first.uncommitted_bytes + second.uncommitted_bytes > 0
    assert (pod.accessible, pod.maintenance_mode, pod.multiple_host_access) == (True, "normal", True)
    assert pod.vsphere_tags == ["gold"]
    assert first.vsphere_tags == ["fast", "gold"]


@pytest.mark.usefixtures("vcenter_id")
def test_what_is_asked_of_a_cluster_is_asked_of_its_members() -> None:
    pod, east = known.pool("pod"), known.vm("in-cluster").cluster_id
    with transaction() as session:
        volumes, _ = list_volumes(session, VolumeFilter(pool_id=pod.id), Page())
        vms, _ = list_vms(session, VirtualMachineFilter(pool_id=pod.id), Page())
        views, _ = list_pools(session, PoolFilter(cluster_id=east), Page())
    assert [view.vm.name for view in volumes if view.vm] == ["in-cluster"]
    assert [view.vm.name for view in vms] == ["in-cluster"]
    assert {view.pool.name: [cluster.name for cluster in view.clusters] for view in views} == {
        name: ["east"] for name in ("member-1", "member-2", "new", "old", "pod")
    }


def test_a_cluster_that_was_dissolved_leaves_its_members(
    shown: Inventory, take_in: Callable[[Inventory], None]
) -> None:
    pod = known.pool("pod")
    take_in(replace(shown, storage_pods=()))
    assert known.pool("pod").removed_at is not None
    assert known.pool("member-1").parent_id is None
    take_in(shown)
    assert (known.pool("pod").id, known.pool("pod").removed_at) == (pod.id, None)
    assert known.pool("member-1").parent_id == pod.id


def test_a_cluster_serves_while_one_of_its_members_does(shown: Inventory, take_in: Callable[[Inventory], None]) -> None:
    def mode(names: set[str]) -> str:
        datastores = tuple(
            replace(it, maintenance_mode="inMaintenance", accessible=False) if it.name in names else it
            for it in shown.datastores
        )
        take_in(replace(shown, datastores=datastores))
        return known.pool("pod").maintenance_mode

    assert mode({"member-1"}) == "normal"
    assert known.pool("pod").accessible
    assert mode({"member-1", "member-2"}) == "inMaintenance"
    assert not known.pool("pod").accessible
    assert mode(set()) == "normal"


def test_a_disk_that_storage_drs_has_moved_is_the_same_volume(vcenter_id: UUID, operator: Operator) -> None:
    """A member that goes into maintenance is emptied by an automated cluster."""
    vm, [disk] = known.vm("in-cluster"), known.disks("in-cluster")
    source = known.pool("member-1")
    operator.do(lambda _: operator.datastore(source.moref).EnterMaintenanceMode().task)
    known.sync(vcenter_id)
    [moved] = known.disks("in-cluster")
    assert (known.vm("in-cluster").id, moved.id) == (vm.id, disk.id)
    assert moved.pool_id == known.vm("in-cluster").home_pool_id == known.pool("member-2").id
    assert moved.path.startswith("[member-2] ")
    assert known.pool("member-1").maintenance_mode == "inMaintenance"
