"""The inventory, all of it and piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from app.errors import InvalidParameter
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.facts import Inventory, VirtualMachine
from app.vsphere.inventory import disk_exists, read_datastore, read_datastores, read_inventory, read_vm
from app.vsphere.session import Session
from app.vsphere.tls import tls_context

if TYPE_CHECKING:
    from tests.contract.vsphere.conftest import VCenter

pytestmark = pytest.mark.contract

CATEGORY = "vrelocate-storage"
REST = "/rest/com/vmware/cis"


def test_everything_knows_where_it_is(inventory: Inventory) -> None:
    (datacenter,) = inventory.datacenters
    (cluster,) = inventory.clusters
    assert (cluster.datacenter_moref, cluster.standalone) == (datacenter.moref, False)
    hosts = {host.moref for host in inventory.hosts}
    assert len(hosts) == 2
    assert all(host.cluster_moref == cluster.moref and host.connected for host in inventory.hosts)
    pools = {datastore.moref: datastore for datastore in inventory.datastores}
    assert {pool.name for pool in pools.values()} == {"LocalDS_0", "LocalDS_1"}
    for pool in pools.values():
        assert pool.datacenter_moref == datacenter.moref
        assert pool.accessible
        assert pool.maintenance_mode == "normal"
        assert pool.capacity_bytes >= pool.free_bytes > 0
        assert {mount.host_moref for mount in pool.mounts if mount.accessible and mount.writable} == hosts
    assert len(inventory.virtual_machines) == 4
    for vm in inventory.virtual_machines:
        assert (vm.datacenter_moref, vm.cluster_moref) == (datacenter.moref, cluster.moref)
        assert vm.host_moref in hosts
        assert (vm.power_state, vm.connection_state, vm.config_known) == ("poweredOff", "connected", True)
        assert vm.home_datastore_moref in pools
        assert vm.vm_path_name in vm.file_paths
        (disk,) = vm.disks
        assert disk.datastore_moref in pools
        assert disk.path in vm.file_paths
        assert disk.path.startswith(f"[{pools[disk.datastore_moref].name}] ")
        assert (disk.backing_kind, disk.chain) == ("FlatVer2", ())
        assert disk.capacity_bytes > 0
        assert disk.uuid


def test_one_vm_and_some_datastores_read_alone_are_the_same(session: Session, inventory: Inventory) -> None:
    for vm in inventory.virtual_machines:
        assert read_vm(session, vm.moref) == vm
    morefs = [datastore.moref for datastore in reversed(inventory.datastores)]
    read = read_datastores(session, morefs)
    assert [datastore.moref for datastore in read] == morefs
    assert read[0] == read_datastore(session, morefs[0])
    assert read[0].tags is None
    assert read[0].name == inventory.datastores[-1].name
    assert read_datastores(session, []) == []


def test_what_is_not_there_is_gone(session: Session, inventory: Inventory) -> None:
    with pytest.raises(ManagedObjectGone, match="VirtualMachine vm-987654"):
        read_vm(session, "vm-987654")
    with pytest.raises(ManagedObjectGone, match="Datastore datastore-987654"):
        read_datastores(session, [inventory.datastores[0].moref, "datastore-987654"])


def test_a_vmdk_of_no_vm_is_loose_and_those_of_vms_are_not(
    session: Session, loose_disk: Callable[[str], str], inventory: Inventory
) -> None:
    assert inventory.loose_disks == ()
    at_root, in_folder = loose_disk("[LocalDS_0] root.vmdk"), "[LocalDS_1] data/one.vmdk"
    datacenter = inventory.datacenters[0].moref
    session.call(
        lambda content: content.fileManager.MakeDirectory(
            name="[LocalDS_1] data", datacenter=session.moref("Datacenter", datacenter)
        )
    )
    loose_disk(in_folder)
    now = read_inventory(session, CATEGORY)
    assert {disk.path for disk in now.loose_disks} == {at_root, in_folder}
    assert now.searched_datastores == {datastore.moref for datastore in now.datastores}
    for disk in now.loose_disks:
        assert disk_exists(session, datacenter, disk.path) == disk
        assert disk.modified_at is not None


def test_a_disk_is_found_at_exactly_its_path(
    session: Session, inventory: Inventory, machines: dict[str, VirtualMachine], loose_disk: Callable[[str], str]
) -> None:
    datacenter = inventory.datacenters[0].moref
    of_a_vm = machines["DC0_C0_RP0_VM0"].disks[0].path
    found = disk_exists(session, datacenter, of_a_vm)
    assert found is not None
    assert found.path == of_a_vm
    brackets = loose_disk("[LocalDS_0] odd [1].vmdk")
    assert disk_exists(session, datacenter, brackets) is not None
    assert disk_exists(session, datacenter, "[LocalDS_0] odd x1x.vmdk") is None
    assert disk_exists(session, datacenter, "[LocalDS_0] no-such-folder/x.vmdk") is None
    assert disk_exists(session, datacenter, "[LocalDS_0] no-such-file.vmdk") is None
    with pytest.raises(ManagedObjectGone, match="nowhere"):
        disk_exists(session, datacenter, "[nowhere] x.vmdk")
    with pytest.raises(InvalidParameter, match="no path"):
        disk_exists(session, datacenter, "x.vmdk")


@pytest.fixture
def rest(vcenter: VCenter) -> Iterator[httpx.Client]:
    """The tagging service, logged in."""
    endpoint = vcenter.endpoint
    with httpx.Client(base_url=endpoint.address, verify=tls_context(endpoint), trust_env=False) as client:
        login = client.post(f"{REST}/session", auth=(endpoint.username, endpoint.password.get_secret_value()))
        client.headers["vmware-api-session-id"] = login.raise_for_status().json()["value"]
        yield client


def test_tags_of_the_category_are_storage_tags(session: Session, inventory: Inventory, rest: httpx.Client) -> None:
    assert inventory.tags_known
    assert {datastore.tags for datastore in inventory.datastores} == {frozenset()}  # there is no such category yet

    def made(kind: str, spec: dict[str, object]) -> str:
        answer = rest.post(f"{REST}/tagging/{kind}", json={"create_spec": spec})
        return str(answer.raise_for_status().json()["value"])

    def attach(tag: str, kind: str, moref: str) -> None:
        body = {"object_id": {"type": kind, "id": moref}}
        rest.post(f"{REST}/tagging/tag-association/id:{tag}?~action=attach", json=body).raise_for_status()

    tags = {}
    for category in (CATEGORY, "something-else"):
        spec = {"name": category, "description": "", "cardinality": "MULTIPLE", "associable_types": []}
        category_id = made("category", spec)
        for name in ("gold", "silver"):
            tags[category, name] = made("tag", {"name": name, "description": "", "category_id": category_id})
    tagged, untagged = inventory.datastores
    attach(tags[CATEGORY, "gold"], "Datastore", tagged.moref)
    attach(tags[CATEGORY, "silver"], "VirtualMachine", inventory.virtual_machines[0].moref)
    attach(tags["something-else", "silver"], "Datastore", tagged.moref)

    now = read_inventory(session, CATEGORY)
    assert {datastore.moref: datastore.tags for datastore in now.datastores} == {
        tagged.moref: frozenset({"gold"}),
        untagged.moref: frozenset(),
    }
