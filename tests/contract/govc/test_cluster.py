"""Clusters and what is in them: cluster.*, host.maintenance, datastore.maintenance and .cluster, storage.policy."""

from __future__ import annotations

import pytest

from tests.running.govc import Govc

pytestmark = pytest.mark.contract

CLUSTER = ("-cluster", "cluster-a")
TIB = 1 << 40


def test_cluster_usage(govc: Govc) -> None:
    usage = govc.json("cluster.usage", "cluster-a")
    assert usage["memory"]["capacity"] == usage["memory"]["used"] + usage["memory"]["free"] > 0
    assert usage["cpu"]["capacity"] > 0
    assert "Storage capacity:" in govc("cluster.usage", "cluster-a")


def test_cluster_usage_of_storage(govc: Govc) -> None:
    storage = govc.json("cluster.usage", "cluster-a")["storage"]
    assert storage["capacity"] == 3 * TIB
    assert storage["free"] == sum(govc.free_bytes(f"ds-{number}") for number in (1, 2, 3))


def test_cluster_change(govc: Govc) -> None:
    govc("cluster.change", "-drs-enabled", "-drs-mode", "manual", "/dc1/host/cluster-a")
    changed = govc.property("/dc1/host/cluster-a", "configurationEx")["drsConfig"]
    assert (changed["enabled"], changed["defaultVmBehavior"]) == (True, "manual")


def test_cluster_group(govc: Govc) -> None:
    govc("cluster.group.create", *CLUSTER, "-name", "pair", "-vm", "vm-01", "vm-02")
    assert govc("cluster.group.ls", *CLUSTER, "-name", "pair").split() == ["vm-01", "vm-02"]
    govc("cluster.group.change", *CLUSTER, "-name", "pair", "vm-03")
    assert govc("cluster.group.ls", *CLUSTER, "-name", "pair").split() == ["vm-03"]
    govc("cluster.group.remove", *CLUSTER, "-name", "pair")
    assert "pair" not in govc("cluster.group.ls", *CLUSTER)


def test_cluster_rule(govc: Govc) -> None:
    govc("cluster.rule.create", *CLUSTER, "-name", "apart", "-enable", "-anti-affinity", "vm-01", "vm-02")
    assert "apart (ClusterAntiAffinityRuleSpec)" in govc("cluster.rule.ls", *CLUSTER, "-l")
    told = govc("cluster.rule.info", *CLUSTER, "-name", "apart")
    assert "VM: vm-01" in told
    assert "VM: vm-02" in told
    govc("cluster.rule.remove", *CLUSTER, "-name", "apart")
    assert "apart" not in govc("cluster.rule.ls", *CLUSTER)


def test_cluster_override(govc: Govc) -> None:
    govc("cluster.override.change", *CLUSTER, "-vm", "vm-04", "-drs-enabled=false")
    assert "vm-04" in govc("cluster.override.info", *CLUSTER)
    govc("cluster.override.remove", *CLUSTER, "-vm", "vm-04")
    assert "vm-04" not in govc("cluster.override.info", *CLUSTER)


def test_cluster_create_and_mv(govc: Govc) -> None:
    govc("cluster.create", "cluster-b")
    refused = govc.refused("cluster.mv", "-cluster", "cluster-b", "esx-2")
    assert "state" in refused.lower(), f"a host moves in maintenance mode only: {refused}"
    govc("host.maintenance.enter", "esx-2")
    assert govc.property("host/cluster-a/esx-2", "runtime.inMaintenanceMode") is True
    assert govc("cluster.mv", "-cluster", "cluster-b", "esx-2").endswith("OK\n")
    assert govc("find", "-type", "h", "-name", "esx-2").split() == ["/dc1/host/cluster-b/esx-2"]
    govc("host.maintenance.exit", "esx-2")
    assert govc.property("host/cluster-b/esx-2", "runtime.inMaintenanceMode") is False


def test_datastore_maintenance(govc: Govc) -> None:
    assert govc("datastore.maintenance.enter", "-ds", "ds-3").endswith("... OK\n")
    assert govc.property("datastore/ds-3", "summary.maintenanceMode") == "inMaintenance"
    assert govc("datastore.maintenance.exit", "-ds", "ds-3").endswith("... OK\n")
    assert govc.property("datastore/ds-3", "summary.maintenanceMode") == "normal"


def test_a_datastore_in_maintenance_takes_nothing(govc: Govc) -> None:
    govc("datastore.maintenance.enter", "-ds", "ds-3")
    try:
        assert govc.refused("vm.migrate", "-ds", "ds-3", "vm-05")
        assert govc.disks("vm-05") == ["[ds-1] vm-05/vm-05.vmdk"]
    finally:
        govc("datastore.maintenance.exit", "-ds", "ds-3")
    govc("vm.migrate", "-ds", "ds-3", "vm-05")
    assert govc.disks("vm-05") == ["[ds-3] vm-05/vm-05.vmdk"]


def test_datastore_cluster(govc: Govc) -> None:
    govc("folder.create", "-pod", "/dc1/datastore/pod-1")
    govc("object.mv", "/dc1/datastore/ds-2", "/dc1/datastore/pod-1")
    assert govc("ls", "datastore/pod-1").split() == ["/dc1/datastore/pod-1/ds-2"]
    parts = [line.partition(":") for line in govc("datastore.cluster.info", "pod-1").splitlines()]
    told = {name.strip(): value.strip() for name, _, value in parts}
    assert told["Name"] == "pod-1"
    assert told["Capacity"].startswith("1024.0")


def test_a_datastore_leaves_its_cluster(govc: Govc) -> None:
    govc("folder.create", "-pod", "/dc1/datastore/pod-2")
    govc("object.mv", "/dc1/datastore/ds-3", "/dc1/datastore/pod-2")
    govc("object.mv", "/dc1/datastore/pod-2/ds-3", "/dc1/datastore")
    assert govc("ls", "datastore/pod-2") == ""
    assert "/dc1/datastore/ds-3" in govc("ls", "datastore").split()


def test_storage_policy(govc: Govc) -> None:
    govc("storage.policy.create", "-category", "storage", "-tag", "gold", "keeps-gold")
    (policy,) = [line.split()[0] for line in govc("storage.policy.ls").splitlines() if line.endswith("keeps-gold")]
    assert policy in govc("storage.policy.ls", "-i", "keeps-gold")
    govc("tags.attach", "gold", "/dc1/datastore/ds-1")
    told = govc("storage.policy.info", "-s", "keeps-gold")
    assert "ds-1" in told
    assert "ds-3" not in told
    govc("storage.policy.rm", policy)
    assert "keeps-gold" not in govc("storage.policy.ls")
